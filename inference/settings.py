"""Settings of the gateway, from the environment. docs/gateway.md explains each to operators."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.backends.base import Model
from inference.errors import SettingsError

DEFAULT_PORT = 8400


@dataclass(frozen=True)
class Limits:
    """What one request, and all of them together, may take."""

    max_streams: int = 128
    """Replies that run at the same time."""

    max_waiting: int = 64
    """Replies that wait for their turn; one more is answered `busy`."""

    waiting_s: float = 60.0
    """How long a reply waits for its turn before it is answered `busy`."""

    max_tokens: int = 4096
    """The most tokens that a request may ask for."""

    silence_s: float = 120.0
    """How long the model may stay silent before `model-timeout`."""

    reply_s: float = 1800.0
    """How long one reply may take in all."""


@dataclass(frozen=True)
class Settings:
    """The whole configuration of one gateway process."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    socket: Path | None = None
    state: Path = Path("var/gateway")
    upstream_url: str | None = None
    upstream_api_key: str | None = field(default=None, repr=False)
    upstream_models: tuple[Model, ...] = ()
    model_file: Path | None = None
    model_context: int = 4096
    model_threads: int = 2
    log_level: str = "INFO"
    limits: Limits = Limits()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Reads every setting; secrets may come from a file named by `NAME_FILE`.

    Raises:
        SettingsError: A value is malformed, a file is missing, or two settings contradict each other.
    """
    reader = _Reader(environ)
    url = reader.text("BALON_UPSTREAM_URL")
    if url is not None and not url.startswith(("http://", "https://")):
        raise SettingsError(
            "BALON_UPSTREAM_URL must start with http:// or https:// and end with the API's path, often /v1."
        )
    return Settings(
        host=reader.text("BALON_GATEWAY_HOST") or Settings.host,
        port=reader.integer("BALON_GATEWAY_PORT", Settings.port, least=0),
        socket=reader.path("BALON_GATEWAY_SOCKET"),
        state=reader.path("BALON_GATEWAY_STATE") or Settings.state,
        upstream_url=url,
        upstream_api_key=reader.text("BALON_UPSTREAM_API_KEY"),
        upstream_models=parse_models(reader.text("BALON_UPSTREAM_MODELS") or ""),
        model_file=reader.path("BALON_MODEL_FILE"),
        model_context=reader.integer("BALON_MODEL_CONTEXT", Settings.model_context, least=256),
        model_threads=reader.integer("BALON_MODEL_THREADS", Settings.model_threads),
        log_level=(reader.text("BALON_LOG_LEVEL") or Settings.log_level).upper(),
        limits=_read_limits(reader),
    )


def _read_limits(reader: "_Reader") -> Limits:
    return Limits(
        max_streams=reader.integer("BALON_GATEWAY_MAX_STREAMS", Limits.max_streams),
        max_waiting=reader.integer("BALON_GATEWAY_MAX_WAITING", Limits.max_waiting, least=0),
        max_tokens=reader.integer("BALON_MAX_TOKENS", Limits.max_tokens),
        silence_s=reader.integer("BALON_UPSTREAM_TIMEOUT", int(Limits.silence_s)),
    )


def parse_models(text: str) -> tuple[Model, ...]:
    """Reads a list of models: ids between commas, or a JSON list of ids and of `{"id", "name", "context_tokens"}`.

    Raises:
        SettingsError: The list is not of either form.
    """
    if not text.lstrip().startswith("["):
        return tuple(Model(id=name.strip(), name=name.strip()) for name in text.split(",") if name.strip())
    try:
        return tuple(_parse_model(entry) for entry in json.loads(text))
    except (ValueError, TypeError, KeyError) as error:
        message = (
            'BALON_UPSTREAM_MODELS takes ids between commas, or a JSON list of ids or {"id", "name", "context_tokens"}.'
        )
        raise SettingsError(message) from error


def _parse_model(entry: Any) -> Model:
    if isinstance(entry, str):
        return Model(id=entry, name=entry)
    model_id = entry["id"]
    name = entry.get("name", model_id)
    context_tokens = entry.get("context_tokens", 0)
    if not (isinstance(model_id, str) and isinstance(name, str) and isinstance(context_tokens, int)):
        raise TypeError("A model has an id and a name in text and a whole number of context tokens.")
    return Model(id=model_id, name=name, context_tokens=context_tokens)


class _Reader:
    """Reads single values and names the setting in every error."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        """The value, or the content of the file that `NAME_FILE` names; None if neither is set or it is empty."""
        direct = self._environ.get(name, "").strip()
        filename = self._environ.get(f"{name}_FILE", "").strip()
        if direct and filename:
            raise SettingsError(f"Set {name} or {name}_FILE, not both.")
        if not filename:
            return direct or None
        try:
            return Path(filename).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}_FILE names a file that cannot be read.") from error

    def path(self, name: str) -> Path | None:
        """The value as a path. It has no `NAME_FILE` form, since `BALON_MODEL_FILE` is itself a name of a file."""
        value = self._environ.get(name, "").strip()
        return Path(value).expanduser() if value else None

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        """The value as a whole number of at least `least`."""
        value = self.text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError as error:
            raise SettingsError(f"{name} must be a whole number.") from error
        if number < least:
            raise SettingsError(f"{name} must be at least {least}.")
        return number
