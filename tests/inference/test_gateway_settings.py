"""Settings come from the environment or from files, and errors name the setting."""

import json
from pathlib import Path

import pytest

from inference.backends.base import Model
from inference.backends.choice import create_backend
from inference.backends.embedded import EmbeddedBackend
from inference.backends.openai import OpenAIBackend
from inference.errors import SettingsError
from inference.settings import read_settings


def test_the_defaults_listen_on_loopback():
    settings = read_settings({})
    assert settings.host == "127.0.0.1"
    assert settings.state == Path("var/gateway")
    assert settings.upstream_url is None


def test_a_secret_comes_from_a_file_and_shows_in_no_repr(tmp_path: Path):
    (tmp_path / "key").write_text("sk-secret\n")
    settings = read_settings({"BALON_UPSTREAM_API_KEY_FILE": str(tmp_path / "key")})
    assert settings.upstream_api_key == "sk-secret"
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"BALON_UPSTREAM_API_KEY": "a", "BALON_UPSTREAM_API_KEY_FILE": "/b"}, "BALON_UPSTREAM_API_KEY_FILE"),
        ({"BALON_UPSTREAM_API_KEY_FILE": "/does/not/exist"}, "BALON_UPSTREAM_API_KEY_FILE"),
        ({"BALON_UPSTREAM_URL": "localhost:11434"}, "BALON_UPSTREAM_URL"),
        ({"BALON_GATEWAY_PORT": "high"}, "BALON_GATEWAY_PORT"),
        ({"BALON_GATEWAY_MAX_STREAMS": "0"}, "BALON_GATEWAY_MAX_STREAMS"),
        ({"BALON_UPSTREAM_MODELS": "[1]"}, "BALON_UPSTREAM_MODELS"),
        ({"BALON_UPSTREAM_MODELS": '[{"name": "no id"}]'}, "BALON_UPSTREAM_MODELS"),
        ({"BALON_UPSTREAM_MODELS": "[not json"}, "BALON_UPSTREAM_MODELS"),
        ({"BALON_UPSTREAM_MODELS": '[{"id": "a", "context_tokens": "many"}]'}, "BALON_UPSTREAM_MODELS"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], named: str):
    with pytest.raises(SettingsError, match=named):
        read_settings(environ)


def test_models_are_ids_between_commas_or_json():
    plain = read_settings({"BALON_UPSTREAM_MODELS": "llama3.2, qwen/qwen3:8b,"}).upstream_models
    assert plain == (Model("llama3.2", "llama3.2"), Model("qwen/qwen3:8b", "qwen/qwen3:8b"))
    entries = ["a", {"id": "b", "name": "Bee", "context_tokens": 32768}, {"id": "c"}]
    rich = read_settings({"BALON_UPSTREAM_MODELS": json.dumps(entries)}).upstream_models
    assert rich == (Model("a", "a"), Model("b", "Bee", 32768), Model("c", "c"))


def test_the_back_end_follows_the_settings(tmp_path: Path):
    (tmp_path / "Own-1B.gguf").touch()
    assert isinstance(create_backend(read_settings({"BALON_UPSTREAM_URL": "http://127.0.0.1:1/v1"})), OpenAIBackend)
    (toy,) = create_backend(read_settings({})).models()
    assert toy.demonstration
    own = create_backend(read_settings({"BALON_MODEL_FILE": str(tmp_path / "Own-1B.gguf")}))
    assert isinstance(own, EmbeddedBackend)
    assert own.models() == (Model("Own-1B", "Own-1B", 4096),)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"BALON_MODEL_FILE": "/does/not/exist.gguf"}, "BALON_MODEL_FILE"),
        ({"BALON_MODEL_FILE": "/a.gguf", "BALON_UPSTREAM_URL": "http://127.0.0.1:1/v1"}, "not both"),
    ],
)
def test_a_choice_that_cannot_be_made_is_an_error(environ: dict[str, str], named: str):
    with pytest.raises(SettingsError, match=named):
        create_backend(read_settings(environ))
