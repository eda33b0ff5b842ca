"""What a browser keeps, and whose it is (A36 to A38, A47, A48; docs/protocol.md section 11)."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Worker, expect

from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.security.evidence import READS, is_read, settle
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

NOTHING = {"databases": [], "local": 0, "session": 0, "caches": []}
LEFT = """async () => ({
    databases: (await indexedDB.databases()).map((each) => each.name).filter((name) => name.startsWith("balon")),
    local: localStorage.length, session: sessionStorage.length, caches: await caches.keys(),
})"""
RECORD = """async (change) => {
    const open = indexedDB.open("balon-session");
    const database = await new Promise((resolve, reject) => {
        open.onsuccess = () => resolve(open.result);
        open.onerror = open.onupgradeneeded = () => reject(new Error("no session database"));
    });
    const store = database.transaction("session", "readwrite").objectStore("session");
    const settled = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const record = await settled(store.get("current"));
    if (change) {
        record.metadata = JSON.stringify({...JSON.parse(record.metadata), ...change});
        await settled(store.put(record, "current"));
    }
    database.close();
    const exports = {};
    const handles = {};
    for (const [name, value] of Object.entries(record)) {
        if (!(value instanceof CryptoKey)) continue;
        handles[name] = {extractable: value.extractable, usages: value.usages, algorithm: value.algorithm.name};
        exports[name] = await Promise.all(["raw", "pkcs8", "jwk"].map((format) =>
            crypto.subtle.exportKey(format, value).then(() => "exported", (error) => error.name)));
    }
    return {metadata: JSON.parse(record.metadata), fields: Object.keys(record), handles, exports};
}"""
DROP_THE_FIRST = """() => {
    const dropped = [];
    for (const name of ["databases", "open", "deleteDatabase"]) {
        const real = IDBFactory.prototype[name];
        IDBFactory.prototype[name] = function (...given) {
            if (dropped.includes(name)) return real.apply(this, given);
            dropped.push(name);
            console.info(`dropped ${name}`);
            return name === "databases" ? new Promise(() => {}) : new EventTarget();
        };
    }
}"""
MINUTE_MS = 60_000


def record_of(page: Page, change: dict[str, Any] | None = None) -> dict[str, Any]:
    """The session record, with its metadata changed first if asked for; tries to export each handle."""
    found: dict[str, Any] = page.evaluate(RECORD, change)
    return found


def left_in(page: Page) -> dict[str, Any]:
    """What the origin keeps in the profile."""
    found: dict[str, Any] = page.evaluate(LEFT)
    return found


def worker_of(person: Person) -> Worker:
    """The worker that holds the keys."""
    return person.page.workers[0]


@pytest.fixture(scope="module")
def settled(account: Person, whole_installation: tuple[Installation, Wiretap], upstream: FakeOpenAIServer) -> Person:
    """Alice with one conversation, all of it saved."""
    upstream.script = Script.of("Kept for later.")
    account.send("Remember this")
    account.expect_reply("Kept for later.")
    settle(whole_installation[1])
    return account


@pytest.fixture
def indoors(settled: Person, alice: Person, watch: Watch) -> Person:
    """Alice signed in, with her keys."""
    watch.expect("403 (Forbidden)")
    watch.expect("favicon.ico")  # Only a page of JSON, where no script of ours runs, asks for it.
    if alice.page.get_by_role("button", name="Unlock").is_visible():
        unlock(alice)
    elif alice.page.get_by_role("button", name="Sign in").is_visible():
        alice.wait_for_core()
        alice.sign_in()
    expect(alice.message_box).to_be_visible()
    alice.wait_for_core()
    return alice


def unlock(person: Person) -> None:
    """Types the password into the locked view."""
    person.page.get_by_label("Password", exact=True).fill(person.password)
    person.page.get_by_role("button", name="Unlock").click()
    expect(person.message_box).to_be_visible()


def test_no_handle_can_be_exported(indoors: Person) -> None:
    record = record_of(indoors.page)
    assert set(record["handles"]) == {"mek", "idk", "enc"}
    assert [each["extractable"] for each in record["handles"].values()] == [False] * 3
    assert {outcome for tries in record["exports"].values() for outcome in tries} <= {
        "InvalidAccessError",
        "NotSupportedError",
    }
    usages = {name: sorted(each["usages"]) for name, each in record["handles"].items()}
    assert usages == {"mek": ["deriveBits", "deriveKey"], "idk": ["sign"], "enc": ["decrypt", "unwrapKey"]}
    secrets = re.compile(r"password|lseed|seed|secret|\bkek\b|master", re.IGNORECASE)
    assert not [name for name in record["metadata"] if secrets.search(name)]


def test_locking_deletes_the_handles_and_the_password_brings_them_back_without_the_network(
    indoors: Person, wiretap: Wiretap, watch: Watch
) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    indoors.choose_in_account_menu("Lock")
    expect(indoors.page.get_by_role("button", name="Unlock")).to_be_visible()
    assert record_of(indoors.page)["handles"] == {}
    assert "Kept for later." not in indoors.page.content()
    indoors.page.get_by_label("Password", exact=True).fill("not her password at all")
    indoors.page.get_by_role("button", name="Unlock").click()
    expect(indoors.alert).to_contain_text("This is not your password.")
    assert record_of(indoors.page)["handles"] == {}
    sent = len([each for each in wiretap.exchanges if each.method == "POST"])
    indoors.page.context.set_offline(True)
    unlock(indoors)
    indoors.page.context.set_offline(False)
    assert len([each for each in wiretap.exchanges if each.method == "POST"]) == sent
    assert set(record_of(indoors.page)["handles"]) == {"mek", "idk", "enc"}


@pytest.mark.parametrize(
    "ago",
    [{"active_ms": 16 * MINUTE_MS}, {"unlocked_ms": 12 * 60 * MINUTE_MS + 1}, {"active_ms": -10 * MINUTE_MS}],
    ids=["idle", "half-a-day", "clock-set-back"],
)
def test_a_browser_that_starts_again_after_the_time_is_locked(ago: dict[str, int], indoors: Person) -> None:
    before = record_of(indoors.page)["metadata"]
    indoors.page.goto("/healthz")
    now = indoors.page.evaluate("Date.now()")
    assert before["active_ms"] <= now + MINUTE_MS
    record_of(indoors.page, {name: now - value for name, value in ago.items()})
    indoors.page.goto("/")
    expect(indoors.page.get_by_role("button", name="Unlock")).to_be_visible(timeout=20_000)
    assert record_of(indoors.page)["handles"] == {}


def test_idle_locks_while_the_page_is_open(indoors: Person) -> None:
    record_of(indoors.page, {"active_ms": indoors.page.evaluate("Date.now()") - 16 * MINUTE_MS})
    worker_of(indoors).evaluate("() => { const now = Date.now; Date.now = () => now() + 16 * 60_000; }")
    expect(indoors.page.get_by_role("button", name="Unlock")).to_be_visible(timeout=20_000)
    assert record_of(indoors.page)["handles"] == {}
    worker_of(indoors).evaluate("() => { const now = Date.now; Date.now = () => now() - 16 * 60_000; }")


@pytest.mark.parametrize(
    "failure",
    [
        "IDBObjectStore.prototype.put = () => { throw new DOMException('cannot clone', 'DataCloneError'); }",
        "IDBObjectStore.prototype.get = function () { return this.count(IDBKeyRange.only('nothing')); }",
        "IDBFactory.prototype.open = () => { throw new DOMException('no storage', 'SecurityError'); }",
    ],
    ids=["put-throws", "get-gives-nothing", "open-throws"],
)
def test_without_storage_it_works_and_says_so_and_keeps_nothing(
    failure: str, indoors: Person, wiretap: Wiretap
) -> None:
    indoors.sign_out()
    indoors.wait_for_core()
    worker_of(indoors).evaluate(f"() => {{ {failure}; }}")
    indoors.sign_in()
    expect(indoors.message_box).to_be_visible()
    expect(indoors.page.get_by_text("This browser could not store your keys")).to_be_visible()
    assert left_in(indoors.page) == NOTHING
    indoors.page.get_by_role("link", name="Remember this").click()
    indoors.expect_reply("Kept for later.")
    indoors.page.reload()
    expect(indoors.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_sign_out_leaves_nothing_and_a_second_tab_leaves_too(indoors: Person) -> None:
    other = Person(indoors.page.context.new_page(), indoors.login)
    other.page.goto("/")
    other.wait_for_core()
    expect(other.message_box).to_be_visible()
    indoors.sign_out()
    expect(other.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert left_in(other.page) == NOTHING
    assert "Remember this" not in other.page.content()
    other.page.close()


def test_a_tab_leaves_though_the_browser_drops_its_requests_to_storage(indoors: Person) -> None:
    """Chromium does while it clears an origin's storage, as at the sign-out in another tab."""
    other = Person(indoors.page.context.new_page(), indoors.login)
    other.open()
    expect(other.page.get_by_role("link", name="Remember this")).to_be_visible()
    worker_of(other).evaluate(DROP_THE_FIRST)
    with other.page.expect_console_message(lambda message: message.text == "dropped databases"):
        indoors.sign_out()
    expect(other.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert left_in(other.page) == NOTHING
    other.page.close()


def test_a_boot_without_a_valid_session_wipes_what_a_crash_left(indoors: Person) -> None:
    assert left_in(indoors.page) != NOTHING
    indoors.page.context.clear_cookies()
    indoors.page.goto("/")
    indoors.wait_for_core()
    expect(indoors.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert left_in(indoors.page) == NOTHING


def test_no_address_and_no_header_ever_held_key_material(
    indoors: Person, wiretap: Wiretap, upstream: FakeOpenAIServer
) -> None:
    indoors.sign_out()
    indoors.wait_for_core()
    indoors.sign_in()
    upstream.script = Script.of("A reply.")
    expect(indoors.message_box).to_be_visible()
    indoors.send("A question")
    indoors.expect_reply("A reply.")
    assert wiretap.requests("POST", "/login"), "requests are captured"
    posts = re.compile(
        READS.pattern
        + r"|/api/v1/accounts/(?:prelogin|login|logout)|/api/v1/conversations/[0-9a-f-]{36}/meta|/favicon\.ico"
    )
    strange = [each.path for each in wiretap.exchanges if not posts.fullmatch(each.path)]
    assert not strange, strange
    assert not [each.path for each in wiretap.exchanges if "'referer'" in each.request_headers.lower()]
    answers = [each for each in wiretap.exchanges if each.method in {"GET", "POST"}]
    assert {"no-referrer" in each.answer_headers for each in answers} == {True}


# --- A48: whose keys ---


@dataclass
class Bob:
    """Another person, whose own page is closed."""

    login: str
    cookies: list[Any]


@pytest.fixture
def bob(open_profile: Callable[[], BrowserContext], wiretap: Wiretap) -> Bob:
    """Bob, with an account and a session of his own."""
    context = open_profile()
    person = Person(context.new_page())
    person.sign_up()
    settle(wiretap)
    cookies = context.cookies()
    person.page.close()
    return Bob(person.login, cookies)


def test_an_open_tab_leaves_another_persons_session_without_a_word(indoors: Person, bob: Bob, wiretap: Wiretap) -> None:
    context = indoors.page.context
    context.clear_cookies()
    context.add_cookies(bob.cookies)
    wiretap.exchanges.clear()
    wiretap.cut_sockets()
    expect(indoors.page.get_by_role("button", name="Sign in")).to_be_visible(timeout=20_000)
    assert left_in(indoors.page) == NOTHING
    assert any(b'"hello"' in each.request for each in wiretap.requests("down")), "the socket's greeting is captured"
    sent = [(each.method, each.path) for each in wiretap.exchanges if not is_read(each)]
    assert not sent, sent


def test_a_start_with_another_persons_cookie_wipes_the_keys_unused(indoors: Person, bob: Bob, wiretap: Wiretap) -> None:
    context = indoors.page.context
    indoors.page.goto("/healthz")
    assert set(record_of(indoors.page)["handles"]) == {"mek", "idk", "enc"}
    context.clear_cookies()
    context.add_cookies(bob.cookies)
    wiretap.exchanges.clear()
    indoors.page.goto("/")
    indoors.wait_for_core()
    expect(indoors.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert left_in(indoors.page) == NOTHING
    asked = [each.path for each in wiretap.exchanges if each.path.startswith("/api/")]
    assert asked == ["/api/v1/session"], asked
    assert json.loads(wiretap.requests("GET", "/api/v1/session")[0].answer)["login"] == bob.login
