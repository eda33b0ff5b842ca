"""The main job in Firefox and WebKit, under the production policy and with no way off loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.engines.engine import Engine, wait_until
from tests.engines.firefox import Firefox
from tests.engines.person import Person
from tests.engines.sink import Sink
from tests.engines.webkit import WebKit
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.stack.installation import Installation

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
CONVERSATION = "nav[aria-label=Conversations] a"
CHUNKS = ("The", " capital", " of", " France", " is", " **Paris**", ".")
LEFT = """
    const databases = (await indexedDB.databases()).map(({ name }) => name);
    return [...databases, ...(await caches.keys()), ...Object.keys(localStorage), ...Object.keys(sessionStorage)];
"""
# Each CryptoKey in IndexedDB: its algorithm, what it says of itself, and the formats in which it can be taken out.
HANDLES = """
    const asked = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const handles = [];
    const visit = (value) => {
        if (Object.prototype.toString.call(value) === "[object CryptoKey]") handles.push(value);
        else if (value && typeof value === "object" && !ArrayBuffer.isView(value)) Object.values(value).forEach(visit);
    };
    for (const { name } of await indexedDB.databases()) {
        const database = await asked(indexedDB.open(name));
        for (const store of database.objectStoreNames)
            visit(await asked(database.transaction(store).objectStore(store).getAll()));
        database.close();
    }
    const formats = (key) => Promise.allSettled(["raw", "pkcs8", "jwk"].map((form) => crypto.subtle.exportKey(form, key)));
    const described = handles.map(async (key) => [
        key.algorithm.name, key.extractable, (await formats(key)).some(({ status }) => status === "fulfilled")]);
    return (await Promise.all(described)).sort();
"""
PLANT = """
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
    await new Promise((resolve, reject) => {
        const request = indexedDB.open("planted", 1);
        request.onerror = reject;
        request.onupgradeneeded = () => request.result.createObjectStore("keys").put({ key }, "one");
        request.onsuccess = () => resolve(request.result.close());
    });
"""
MISBEHAVE = """
    console.error("said");
    setTimeout(() => { throw new Error("thrown"); });
    document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>painted</p>");
    fetch("https://outside.invalid/").catch(() => {});
"""


@pytest.fixture(params=[Firefox, WebKit], ids=["firefox", "webkit"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, sink: Sink) -> Iterator[Engine]:
    """Each engine in turn, with a fresh profile."""
    start: Callable[[Path, int], Engine] = request.param
    browser = start(tmp_path / "browser", sink.port)
    yield browser
    browser.close()


def newcomers(engine: Engine, origin: str) -> Iterator[Person]:
    """People who try to make an account: docs/limitations.md says where the first may fail."""
    return (Person(engine, origin) for _ in range(engine.sign_ups))


@pytest.fixture
def alice(engine: Engine, installation: Installation) -> Person:
    """Alice with a new account, the kit put away."""
    person = next(each for each in newcomers(engine, installation.origin) if each.sign_up())
    kit = person.save_kit()
    assert person.login in kit
    assert "BALON-RECOVERY-1." in kit
    return person


def verify_quiet(engine: Engine, installation: Installation, sink: Sink) -> None:
    """Fails on any console error, policy violation, uncaught exception, and request that leaves loopback."""
    assert engine.problems() == []
    asked = {urlsplit(url).netloc for url in engine.requests() if not url.startswith(("blob:", "data:"))}
    assert asked == {urlsplit(installation.origin).netloc}
    assert sink.asked == []


def test_a_stranger_chats_reloads_signs_out_and_comes_back(
    engine: Engine, alice: Person, installation: Installation, upstream: FakeOpenAIServer, sink: Sink
) -> None:
    upstream.script = Script(chunks=CHUNKS, delay_s=0.3)
    alice.send(QUESTION)
    shown = alice.watch_reply(ANSWER)
    assert [text for text in shown if text and "Paris" not in text], f"the reply came at once: {shown}"
    alice.control(CONVERSATION, QUESTION)

    engine.reload()
    alice.expect_articles([["You", QUESTION], ["Assistant", ANSWER]])

    alice.sign_out()
    wait_until(lambda: engine.run_async(LEFT) == [], "a browser that keeps nothing of the session")
    alice.sign_in()
    alice.control(CONVERSATION, QUESTION).click()
    alice.expect_articles([["You", QUESTION], ["Assistant", ANSWER]])
    verify_quiet(engine, installation, sink)


def test_no_key_can_be_taken_out_of_the_browser(
    engine: Engine, alice: Person, installation: Installation, sink: Sink
) -> None:
    """Firefox makes HKDF keys extractable when it is asked to, so that a slip would pass there (A37)."""
    kept = [[name, False, False] for name in ("Ed25519", "HKDF", "RSA-OAEP")]
    assert engine.run_async(HANDLES) == kept
    verify_quiet(engine, installation, sink)
    engine.run_async(PLANT)
    assert ["AES-GCM", True, True] in engine.run_async(HANDLES)


def test_the_watch_sees_what_it_is_there_for(engine: Engine, installation: Installation, sink: Sink) -> None:
    engine.open(installation.origin)
    assert engine.problems() == []
    engine.run(MISBEHAVE)
    words = ("said", "thrown", "style-src", "connect-src")
    wait_until(lambda: all(word in str(engine.problems()) for word in words), f"reports of {words}")
    engine.open("http://outside.invalid/page")
    assert any("outside.invalid" in line for line in sink.asked)
