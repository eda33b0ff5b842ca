"""Chooses the model back end that the settings ask for."""

from inference.backends.base import ModelBackend
from inference.backends.embedded import EmbeddedBackend
from inference.backends.openai import OpenAIBackend, Upstream
from inference.errors import SettingsError
from inference.settings import Settings


def create_backend(settings: Settings) -> ModelBackend:
    """An OpenAI-compatible server if one is set, else the operator's file, else the demonstration model.

    Raises:
        SettingsError: Both a server and a file are set, or the file is missing.
    """
    silence_s = settings.limits.silence_s
    if settings.upstream_url and settings.model_file:
        raise SettingsError("Set BALON_UPSTREAM_URL or BALON_MODEL_FILE, not both.")
    if settings.upstream_url:
        return OpenAIBackend(
            Upstream(
                url=settings.upstream_url,
                api_key=settings.upstream_api_key,
                models=settings.upstream_models,
                silence_s=silence_s,
            )
        )
    threads = settings.model_threads
    if settings.model_file:
        context_tokens = settings.model_context
        return EmbeddedBackend.from_file(
            settings.model_file, context_tokens=context_tokens, threads=threads, silence_s=silence_s
        )
    return EmbeddedBackend.demonstration(threads=threads, silence_s=silence_s)
