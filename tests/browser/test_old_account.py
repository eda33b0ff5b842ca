"""An account from before encryption in the whole stack: a build that lets it in, its first sign-in, keys, a chat."""

import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.old_installation import LOGIN, PASSWORD, hash_of, old_installation_in
from tests.browser.person import Person
from tests.browser.test_canary import places_of
from tests.fakes.openai_server import FakeOpenAIServer
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap


@pytest.fixture
def old_installation(
    tmp_path_factory: pytest.TempPathFactory, upstream: FakeOpenAIServer
) -> Iterator[tuple[Installation, Wiretap]]:
    """An installation with Dora's account."""
    with old_installation_in(tmp_path_factory.mktemp("old"), upstream) as made:
        yield made


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
