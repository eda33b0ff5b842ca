"""Settings come from the environment, fail closed, and are all in docs/operations.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from balon.environment import read_fernet_keys, read_limit, read_origin
from tests.settings import ENVIRONMENT

ROOT = Path(__file__).parents[2]


def test_operations_explain_every_variable():
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "balon" / "settings.py").read_text(encoding="utf-8")))
    explained = set(
        re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert "BALON_ORIGIN" in read
    assert explained == read | {"PORT", "DATABASE_URL"}


def load(**changes: str | None) -> subprocess.CompletedProcess[str]:
    """Reads the production settings in a process of their own; None takes a variable away."""
    environment = {**ENVIRONMENT, "DATABASE_URL": "sqlite:///:memory:", "REDIS_URL": "", "PATH": os.environ["PATH"]}
    merged = {name: value for name, value in {**environment, **changes}.items() if value is not None}
    program = "import balon.settings as s; print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.BALON_HSTS, s.DEBUG)"
    return subprocess.run(
        [sys.executable, "-c", program], env=merged, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_secures_cookies_beyond_loopback():
    assert load().stdout.split() == ["balon-session", "False", "False", "False"]
    assert load(BALON_ORIGIN="https://balon.example").stdout.split() == [
        "__Host-balon-session",
        "True",
        "True",
        "False",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BALON_ORIGIN", None), ("BALON_ORIGIN", "http://balon.example"), ("BALON_SECRET_KEY", None),
        ("BALON_SECRET_KEY", "short"), ("BALON_INSTALLATION_KEYS", None), ("BALON_INFERENCE_URL", None),
    ],
)  # fmt: skip
def test_does_not_start_with(name: str, value: str | None):
    answer = load(**{name: value})
    assert answer.returncode
    assert name in answer.stderr


def test_reads_a_secret_from_a_file(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("x" * 60)
    assert load(BALON_SECRET_KEY=None, BALON_SECRET_KEY_FILE=str(path)).returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "", "balon.example", "https://balon.example/", "https://balon.example:443", "http://localhost:80",
        "https://BALON.example", "ftp://balon.example", "https://user@balon.example", "https://balon.example?x",
    ],
)  # fmt: skip
def test_refuses_as_an_origin(text: str):
    with pytest.raises(ImproperlyConfigured):
        read_origin(text)


@pytest.mark.parametrize("text", ["https://balon.example", "http://localhost:8000", "http://[::1]:8000"])
def test_takes_as_an_origin(text: str):
    assert read_origin(text) == text


@pytest.mark.parametrize("text", ["", "30", "30/0", "0/300", "-1/300", "30/300/1", "a/b", "30/300\n"])
def test_refuses_as_a_limit(text: str):
    with pytest.raises(ImproperlyConfigured):
        read_limit(text)


@pytest.mark.parametrize("keys", [[], ["short"], ["A" * 43], ["A" * 43 + "=", ""]])
def test_refuses_as_installation_keys(keys: list[str]):
    with pytest.raises(ImproperlyConfigured):
        read_fernet_keys(keys)
