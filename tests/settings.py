"""The production settings with the environment of a test run, which is put back once they are read.

With BALON_TEST_SERVICES=real they start a PostgreSQL and a Redis for this run and use these.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="balon-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

ENVIRONMENT = {
    "BALON_ORIGIN": "http://localhost:8000",
    "BALON_ALLOWED_HOSTS": "localhost,127.0.0.1",
    "BALON_SECRET_KEY": "a secret of the tests that protects nothing at all, and long enough",
    "BALON_INSTALLATION_KEYS": "dGhlIHRlc3RzJyBpbnN0YWxsYXRpb24ga2V5IDAwMDE=",
    "BALON_INFERENCE_URL": "http://127.0.0.1:9",
    "BALON_VAR": str(_folder),
    "DATABASE_URL": f"sqlite:///{_folder / 'balon.sqlite3'}",
    "REDIS_URL": "",
}
if os.environ.get("BALON_TEST_SERVICES") == "real":
    from tests.servers import start_postgres, start_redis

    ENVIRONMENT |= {"DATABASE_URL": start_postgres(), "REDIS_URL": start_redis()}

_before = dict(os.environ)
for _name in [name for name in os.environ if name.startswith("BALON_")]:
    del os.environ[_name]
os.environ.update(ENVIRONMENT)
from balon.settings import *  # noqa: E402, F403
from balon.settings import DATABASES  # noqa: E402

os.environ.clear()
os.environ.update(_before)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / "test.sqlite3")}
