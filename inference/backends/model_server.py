"""The process that runs an embedded model: llama.cpp's OpenAI-compatible server on a Unix socket.

A program of its own, started by `ModelProcess` with its settings as JSON in the first argument and a pipe as standard
input. It says `ready` on standard output once the model answers, and ends when the pipe closes, that is, when the
gateway is gone. It imports nothing of the gateway: only the standard library and `xllamacpp`.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def main() -> None:
    """Loads the model, serves it, and waits for the gateway to go."""
    spec = json.loads(sys.argv[1])
    _harden(spec["parent"])
    os.umask(0o077)
    xllamacpp = importlib.import_module("xllamacpp")  # not before the process is tied to its parent
    server = xllamacpp.Server(build_params(xllamacpp, spec))
    print("ready", flush=True)  # noqa: T201 - the message that the parent waits for
    sys.stdin.buffer.read()
    del server
    os._exit(0)


def build_params(xllamacpp: Any, spec: dict[str, Any]) -> Any:
    """Settings of the server: one slot, no cross-origin access, no memory of prompts beyond the slot, no logs."""
    params = xllamacpp.CommonParams()
    params.model.path = spec["model_path"]
    params.model_alias = {spec["model_id"]}
    params.hostnames = [spec["socket"]]
    params.n_ctx = spec["context_tokens"]
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = spec["threads"]
    params.cpuparams_batch.n_threads = spec["threads"]
    params.n_threads_http = 4
    params.cors_origins = ""
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = 0
    params.use_jinja = True
    if spec["chat_template"]:
        params.chat_template = spec["chat_template"]
    return params


def _harden(parent: int) -> None:
    """Ties this process to its parent's life, and keeps prompts out of core dumps and debuggers (Linux)."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    main()
