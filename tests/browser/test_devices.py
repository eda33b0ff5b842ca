"""Devices that are ended from afar, and locks: whose keys go when, in which tabs, and how they come back."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from balon.protocol.password import DEFAULT_ITERATIONS, MIN_ITERATIONS
from balon_client import making
from tests.browser.person import PASSWORD, Person
from tests.client.tab import password
from tests.client.test_against_server import RealTab
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

WRITTEN: Final = "Remind me where the spare key is."
MINUTE_MS: Final = 60_000

# As if the person had left so long ago: the shared time stamps are set back, and the tabs told that they changed.
SHIFT: Final = """async (ms) => {
    const settled = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const database = await settled(indexedDB.open("balon-session"));
    const store = database.transaction("session", "readwrite").objectStore("session");
    const record = await settled(store.get("current"));
    const metadata = JSON.parse(record.metadata);
    metadata.active_ms -= ms;
    metadata.unlocked_ms -= ms;
    await settled(store.put({ ...record, metadata: JSON.stringify(metadata) }, "current"));
    database.close();
    const channel = new BroadcastChannel("balon");
    channel.postMessage(JSON.stringify({ type: "times", session_id: metadata.session_id }));
    channel.close();
}"""


@pytest.fixture(scope="module")
def owner(browser: Browser, whole_installation: tuple[Installation, Wiretap]) -> Person:
    """One account for all tests of this module; none of them changes it."""
    context = browser.new_context(base_url=whole_installation[1].origin)
    person = Person(context.new_page())
    person.sign_up()
    person.send(WRITTEN)
    person.expect_reply("fake model")
    person.sign_out()
    context.close()
    return person


@pytest.fixture
def enter(owner: Person, open_profile: Callable[[], BrowserContext]) -> Callable[[], Person]:
    """Signs the owner in in a new browser profile."""

    def enter_one() -> Person:
        person = owner.on(open_profile().new_page())
        person.enter()
        return person

    return enter_one


def second_tab(person: Person) -> Person:
    """Another tab of the same browser, signed in by the first."""
    tab = person.on(person.page.context.new_page())
    tab.open()
    expect(tab.message_box).to_be_visible()
    return tab


def expect_history(person: Person) -> None:
    """Opens the conversation and reads it."""
    links = person.page.get_by_role("navigation", name="Conversations").get_by_role("link")
    links.filter(has_text="spare key").click()
    expect(person.articles("You").first).to_contain_text(WRITTEN)


def expect_ended(person: Person) -> None:
    """Waits for the sign-in view that says why, and finds no key in the browser."""
    expect(person.page.get_by_role("status").filter(has_text="ended from another device")).to_be_visible()
    assert person.kept_keys() is None


def devices(person: Person) -> Locator:
    """Where the account is signed in, as the settings list it."""
    return person.page.get_by_role("list", name="Devices").get_by_role("listitem")


# --- Sessions ---


def test_one_session_is_ended_and_the_others_go_on(enter: Callable[[], Person], watch: Watch) -> None:
    watch.expect("401")
    laptop, phone, tablet = enter(), enter(), enter()
    laptop.open_settings()
    expect(devices(laptop)).to_have_count(3)
    expect(devices(laptop).first).to_contain_text("This device")
    # The newest of the others is the tablet.
    devices(laptop).nth(1).get_by_role("button", name="End", exact=True).click()
    laptop.page.get_by_role("alertdialog").get_by_role("button", name="End", exact=True).click()
    expect(devices(laptop)).to_have_count(2)
    expect_ended(tablet)
    expect_history(phone)
    tablet.sign_in()
    expect_history(tablet)
    laptop.end_all_others()


def test_all_others_end_at_once_and_their_keys_are_gone(enter: Callable[[], Person], watch: Watch) -> None:
    watch.expect("401")
    laptop, phone = enter(), enter()
    tab = second_tab(phone)
    assert phone.kept_keys() is True
    laptop.open_settings()
    laptop.end_all_others()
    expect(laptop.page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    expect_ended(phone)
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    laptop.page.get_by_role("link", name="Done").click()
    expect_history(laptop)


# --- Lock and unlock ---


def test_locking_takes_the_keys_from_all_tabs_and_unlocking_brings_them_back_to_all(
    enter: Callable[[], Person],
) -> None:
    laptop = enter()
    tab = second_tab(laptop)
    expect_history(tab)
    laptop.lock()
    tab.expect_locked()
    assert laptop.kept_keys() is False
    expect(tab.page.get_by_text(WRITTEN)).to_have_count(0)

    tab.unlock("not-the-password-at-all")
    expect(tab.alert.filter(has_text="This is not your password.")).to_be_visible()
    assert tab.kept_keys() is False
    tab.unlock()
    expect(tab.page.get_by_role("heading", name="Locked")).to_be_hidden()
    expect_history(laptop)
    assert laptop.kept_keys() is True


def test_an_idle_minute_locks_all_tabs_and_a_reload_stays_locked(enter: Callable[[], Person]) -> None:
    laptop = enter()
    tab = second_tab(laptop)
    laptop.open_settings()
    laptop.page.get_by_label("Lock when nothing happens for").select_option("1")
    expect(laptop.page.get_by_text("Saved.", exact=True)).to_be_visible()
    laptop.page.evaluate(SHIFT, 2 * MINUTE_MS)
    for each in (tab, laptop):
        each.expect_locked()
    assert laptop.kept_keys() is False
    laptop.page.reload()
    laptop.expect_locked()
    laptop.unlock()
    expect(laptop.page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()


def test_twelve_hours_after_the_password_was_typed_it_is_asked_for_again(enter: Callable[[], Person]) -> None:
    laptop = enter()
    laptop.page.evaluate(SHIFT, 12 * 60 * MINUTE_MS + 1)
    laptop.expect_locked()
    assert laptop.kept_keys() is False


def test_unlocking_needs_no_network(enter: Callable[[], Person], wiretap: Wiretap, watch: Watch) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    watch.expect("WebSocket connection")
    laptop = enter()
    laptop.lock()
    wiretap.cut_sockets(stay_down=True)
    laptop.page.context.set_offline(True)
    laptop.unlock()
    expect(laptop.message_box).to_be_visible()
    assert laptop.kept_keys() is True
    wiretap.sockets_down = False
    laptop.page.context.set_offline(False)
    expect_history(laptop)


# --- The derivation of the password ---


def test_an_account_of_an_earlier_release_gets_more_iterations_by_signing_in(
    open_profile: Callable[[], BrowserContext], wiretap: Wiretap, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(open_profile().new_page())
    with monkeypatch.context() as earlier, ThreadPoolExecutor(1) as thread:
        earlier.setattr(making, "DEFAULT_ITERATIONS", MIN_ITERATIONS)
        thread.submit(asyncio.run, sign_up_with_the_client_alone(wiretap.origin, person.login)).result()
    assert iterations_of(person, wiretap) == MIN_ITERATIONS
    person.enter()
    assert wiretap.requests("POST", "/accounts/kdf")[0].status == 200
    person.sign_out()
    wiretap.exchanges.clear()
    person.enter()
    assert not wiretap.requests("POST", "/accounts/kdf")
    assert iterations_of(person, wiretap) == DEFAULT_ITERATIONS


async def sign_up_with_the_client_alone(origin: str, login: str) -> None:
    """Makes an account by the client's own Python without a browser."""
    tab = RealTab(origin, rsa.generate_private_key(65537, 4096))
    await tab.boot()
    await tab.sign_up(login, password(PASSWORD))
    await tab.sign_out()
    await tab.close()
    await tab.http.close()


def iterations_of(person: Person, wiretap: Wiretap) -> int:
    """What the server tells whoever begins to sign in."""
    answer = person.page.request.get(f"{wiretap.origin}/api/v1/session").json()
    headers = {"X-CSRFToken": answer["csrf"], "Origin": wiretap.origin}
    begun = person.page.request.post(
        f"{wiretap.origin}/api/v1/accounts/prelogin", data={"login": person.login}, headers=headers
    )
    number: int = begun.json()["n"]
    return number
