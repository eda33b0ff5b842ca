"""A39: a string that only people know is nowhere in what the server holds, logs or receives.

The test first proves that it would find one, then looks for each secret in every form that could betray it.
"""

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import Person
from tests.fakes.openai_server import MODEL, FakeOpenAIServer, Script
from tests.servers import dump_postgres, free_port, start_postgres, start_redis
from tests.stack.fixtures import Watch
from tests.stack.installation import ROOT, Installation
from tests.stack.wiretap import Wiretap

PROMPT = "kanarie-prompt-7F3Kz9"
REPLY = "kanarie-reply-Q8w2Lx"
PASSWORD = "kanarie-password-Vd41Mn-and-some-more-words"
TITLE = "kanarie-title-Xp77Rt"


def forms(secret: str | bytes) -> Iterator[bytes]:
    """A text as it may hide: plain, UTF-16, hex, percent-encoded, reversed, and base64 at each of its three offsets."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    text = raw.decode("latin-1")
    yield raw
    yield text.encode("utf-16-le")
    yield raw.hex().encode()
    yield quote(raw).encode()
    yield json.dumps(text)[1:-1].encode()
    yield raw[::-1]
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        middle = encoded[4:-4]
        yield middle
        yield middle.replace(b"+", b"-").replace(b"/", b"_")


def places_of(secret: str | bytes, haystacks: dict[str, bytes]) -> list[str]:
    """Where any form of a text is."""
    needles = list(forms(secret))
    return [name for name, haystack in haystacks.items() if any(needle in haystack for needle in needles)]


def haystacks(installation: Installation, wiretap: Wiretap) -> dict[str, bytes]:
    """Everything the server has or saw: its folder (database, WAL, logs, media), its static files, the wire."""
    files = [path for path in installation.folder.rglob("*") if path.is_file()]
    found = {str(path.relative_to(installation.folder)): path.read_bytes() for path in files}
    found |= {f"static/{path.name}": path.read_bytes() for path in (ROOT / "static").rglob("*") if path.is_file()}
    found["the wire"] = wiretap.all_bytes()
    return found


def test_the_search_would_find_every_form(tmp_path: Path) -> None:
    for number, hidden in enumerate(forms(PROMPT)):
        assert places_of(PROMPT, {"file": b"before " + hidden + b" after"}) == ["file"], number


@pytest.fixture
def installation_after_use(
    alice: Person, installation: Installation, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> Installation:
    """An installation in which Alice used every path, with a secret in each."""
    use_every_path(alice, upstream)
    return installation


def use_every_path(alice: Person, upstream: FakeOpenAIServer) -> None:
    """Asks, renames, reloads, signs out and in."""
    upstream.script = Script(chunks=("Here: ", REPLY, "."))
    alice.send(f"Remember {PROMPT} please.")
    alice.expect_reply(REPLY)
    alice.page.get_by_role("button", name="Conversation", exact=True).click()
    alice.page.get_by_role("menuitem", name="Rename").click()
    alice.page.keyboard.insert_text(TITLE)
    alice.page.keyboard.press("Enter")
    expect(alice.page.get_by_role("navigation", name="Conversations").get_by_role("link").first).to_contain_text(TITLE)
    alice.page.reload()
    alice.expect_reply(REPLY)
    alice.sign_out()
    alice.wait_for_core()
    alice.sign_in()
    expect(alice.message_box).to_be_visible()


@pytest.fixture
def alice(page: object) -> Person:
    """Alice, whose password is a secret to search for."""
    person = Person(page, password=PASSWORD)  # type: ignore[arg-type]
    person.sign_up()
    return person


def test_no_secret_is_anywhere_on_the_server(
    installation_after_use: Installation, alice: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    # First: the capture is real, and the secrets did exist where they belong.
    assert any(PROMPT in json.dumps(request) for request in upstream.requests), "the model got the prompt"
    assert wiretap.requests("POST", "/messages"), "requests are captured"
    assert any(b'"frame"' in each.answer + each.request for each in wiretap.requests("down")), "frames are captured"
    assert wiretap.requests("POST", "/login"), "the sign-in is captured"
    found = haystacks(installation_after_use, wiretap)
    assert places_of(alice.login, found), "what the server does know is found in the same places"
    assert any(name.endswith("sqlite3") for name in found)

    recovery_code = next(line for line in alice.kit_text.splitlines() if line.count("-") >= 13).split()[-1]
    for secret in (PROMPT, REPLY, PASSWORD, TITLE, recovery_code, recovery_code.replace("-", "")):
        assert places_of(secret, found) == [], secret


def test_the_url_bar_and_history_hold_identifiers_only(alice: Person, wiretap: Wiretap) -> None:
    alice.send(f"{PROMPT} in a request")
    alice.expect_reply("fake model")
    for exchange in list(wiretap.exchanges):
        assert PROMPT not in exchange.path
        assert "referer" not in exchange.request_headers.lower()


def test_an_sqlite_dump_holds_no_plaintext(installation_after_use: Installation) -> None:
    dump = subprocess.run(
        [
            "python3",
            "-c",
            "import sqlite3,sys;print('\\n'.join(sqlite3.connect(sys.argv[1]).iterdump()))",
            str(installation_after_use.folder / "balon.sqlite3"),
        ],
        capture_output=True,
        check=True,
    ).stdout
    assert b"INSERT INTO" in dump
    for secret in (PROMPT, REPLY, TITLE, PASSWORD):
        assert places_of(secret, {"dump": dump}) == []


def test_postgresql_and_redis_hold_no_plaintext(
    browser: Browser, watch: Watch, upstream: FakeOpenAIServer, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory() as outside:  # The user postgres must be able to reach it.
        Path(outside).chmod(0o755)
        redis, postgres = Path(outside, "redis"), Path(outside, "postgres")
        redis.mkdir()
        postgres.mkdir()
        services = {"REDIS_URL": start_redis(redis), "DATABASE_URL": start_postgres(postgres)}
        port = free_port()
        model = {"BALON_UPSTREAM_URL": upstream.url, "BALON_UPSTREAM_MODELS": MODEL, "BALON_UPSTREAM_API_KEY": "key"}
        installation = Installation(tmp_path / "var", f"http://localhost:{port}", {**services, **model}, port=port)
        try:
            installation.start()
            with browser.new_context(base_url=installation.origin) as profile:
                watch.follow(profile)
                alice = Person(profile.new_page(), password=PASSWORD)
                alice.sign_up()
                use_every_path(alice, upstream)
            files = {str(path): path.read_bytes() for path in Path(outside).rglob("*") if path.is_file()}
            files["dump"] = dump_postgres(services["DATABASE_URL"])
        finally:
            installation.close()
    assert places_of(alice.login, {"dump": files["dump"]}), "what the server does know is in the dump"
    assert any(b"XADD" in content for path, content in files.items() if "redis" in path), "frames were in Redis"
    for secret in (PROMPT, REPLY, TITLE, PASSWORD):
        assert places_of(secret, files) == []
