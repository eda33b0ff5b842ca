"""An account from before encryption in the whole stack: a build that lets it in, its first sign-in, keys, a chat."""

import base64
import re
import shutil
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Browser, expect

from balon.protocol.password import MIN_ITERATIONS
from scripts.assets.plan import Plan
from scripts.build_assets import build_assets
from tests.browser.person import Person
from tests.browser.test_canary import places_of
from tests.fakes.openai_server import MODEL, FakeOpenAIServer
from tests.legacy_texts import to_file
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation, free_port
from tests.stack.wiretap import Wiretap

LOGIN = "dora@example.org"
PASSWORD = "corréct-horse-ﬁve-Walrus"
"""Its NFKC form, which a browser derives new keys from, is another one than Django's hash was made of."""


@pytest.fixture
def old_installation(
    tmp_path_factory: pytest.TempPathFactory, upstream: FakeOpenAIServer
) -> Iterator[tuple[Installation, Wiretap]]:
    """An installation with Dora's account and the page that lets such accounts in."""
    folder, tap = tmp_path_factory.mktemp("old"), Wiretap(free_port())
    shutil.copytree(Plan().out, folder / "dist")  # Only what differs is built anew.
    build_assets(Plan(out=folder / "dist", best=False, legacy_sign_in=True), development=True)
    settings = {
        "BALON_ASSETS": str(folder / "dist"),
        "BALON_UPSTREAM_URL": upstream.url,
        "BALON_UPSTREAM_MODELS": MODEL,
        "BALON_UPSTREAM_API_KEY": "test-key",
    }
    installation = Installation(folder / "var", tap.origin, settings)
    try:
        installation.start()
        dora = {"type": "user", "legacy_id": 1, "login": LOGIN, "password": hash_of(PASSWORD)}
        (folder / "old.jsonl").write_bytes(to_file([dora]).getvalue())
        installation.manage("load_legacy", str(folder / "old.jsonl"))
        assert installation.manage("adopt_legacy_hashes") == "1 adopted\n"
        tap.start(installation.port)
        yield installation, tap
    finally:
        tap.close()
        installation.close()


def hash_of(password: str) -> str:
    return PBKDF2PasswordHasher().encode(password, "k3Jd9sLq0ZxW1vBn7MtyRA", MIN_ITERATIONS)


def test_its_person_signs_in_makes_keys_and_talks_and_the_password_never_crosses(
    browser: Browser, old_installation: tuple[Installation, Wiretap], watch: Watch
) -> None:
    _, tap = old_installation
    context = browser.new_context(base_url=tap.origin)
    watch.follow(context)
    dora = Person(context.new_page(), LOGIN, PASSWORD)
    dora.open()
    dora.sign_in()
    expect(dora.page.get_by_role("heading", name="Your first sign-in since Balon encrypts")).to_be_visible()
    assert tap.requests("POST", "accounts/legacy") == []
    dora.page.get_by_role("button", name="Make my keys").click()
    dora.put_kit_away()
    dora.send("Where did I leave the ladder?")
    dora.expect_reply("fake model")
    dora.sign_out()
    dora.sign_in()
    dora.page.get_by_role("link", name=re.compile("ladder")).click()
    expect(dora.articles("You").first).to_contain_text("ladder")
    (upgrade,) = tap.requests("POST", "accounts/legacy")
    assert upgrade.status == 201
    digest = base64.b64decode(hash_of(PASSWORD).rpartition("$")[2])
    for secret in (PASSWORD, digest, "Where did I leave the ladder?"):
        assert places_of(secret, {"wire": tap.all_bytes()}) == []
    context.close()
