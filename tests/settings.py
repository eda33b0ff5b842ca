"""The production settings with the environment of a test run."""

import os
import tempfile
from pathlib import Path

_folder = Path(tempfile.gettempdir()) / f"balon-tests-{os.getpid()}"
_folder.mkdir(exist_ok=True)

os.environ.setdefault("BALON_ORIGIN", "http://localhost:8000")
os.environ.setdefault("BALON_ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
os.environ.setdefault("BALON_SECRET_KEY", "a secret of the tests that protects nothing at all, and long enough")
os.environ.setdefault("BALON_INSTALLATION_KEYS", "dGhlIHRlc3RzJyBpbnN0YWxsYXRpb24ga2V5IDAwMDE=")
os.environ.setdefault("BALON_INFERENCE_URL", "http://127.0.0.1:9")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_folder / 'balon.sqlite3'}")

from balon.settings import *  # noqa: E402, F403
