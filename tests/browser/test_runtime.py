"""The runtime in real browsers under the production policy: it starts, it talks, it refuses, and it asks nobody else."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from scripts import nodejs
from scripts.assets.plan import ROOT
from tests.browser.runtime_assets import page_for, runtime_build
from tests.browser.static_server import POLICY, StaticServer

CATCH = (
    "error => ({name: error.name, code: error.code, title: error.title, detail: error.detail, action: error.action})"
)
SETTLED = """new Promise((resolve) => {
    const timer = setInterval(() => {
        const state = document.documentElement.dataset.core;
        if (state !== "loading") { clearInterval(timer); resolve(state); }
    }, 20);
})"""


@dataclass
class Runtime:
    """A page with the runtime, and everything that it logged and requested."""

    page: Page
    server: StaticServer
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self) -> Self:
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"pageerror: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.server.url)
        return self

    def settled(self) -> str:
        deadline = time.monotonic() + 60
        while (state := self.page.evaluate("document.documentElement.dataset.core")) == "loading":
            assert time.monotonic() < deadline, "the runtime neither started nor failed"
            time.sleep(0.02)
        return state

    def call(self, name: str, *arguments: Any) -> Any:
        return self.page.evaluate("([name, args]) => core.call(name, ...args)", [name, list(arguments)])

    def refusal(self, name: str, *arguments: Any) -> Any:
        return self.page.evaluate(f"([name, args]) => core.call(name, ...args).catch({CATCH})", [name, list(arguments)])


@pytest.fixture(scope="module")
def server() -> Iterator[StaticServer]:
    folder, manifest = runtime_build()
    with StaticServer(folder, page_for(manifest)).running() as running:
        yield running


@pytest.fixture(scope="module")
def started(browser: Browser, server: StaticServer) -> Iterator[Runtime]:
    """One started runtime for all tests that only call it."""
    page = browser.new_page()
    runtime = Runtime(page, server).open()
    assert runtime.settled() == "ready", runtime.console
    yield runtime
    page.close()


@pytest.fixture
def broken(browser: Browser) -> Iterator[Callable[..., Runtime]]:
    """Opens the page on a server with a fault."""
    folder, manifest = runtime_build()
    server = StaticServer(folder, page_for(manifest))
    page = browser.new_page()

    def open_(role: str, content: bytes | None) -> Runtime:
        roles = manifest["parts"]["engine"]["roles"] | manifest["parts"]["client"]["roles"]
        name = roles[role].split("/")[-1]
        if content is None:
            server.missing.add(name)
        else:
            server.altered[name] = content
        return Runtime(page, server).open()

    with server.running():
        yield open_
    page.close()


def test_starts_under_the_policy_without_a_word_in_the_console(browser: Browser, server: StaticServer) -> None:
    runtime = Runtime(browser.new_page(), server).open()
    assert runtime.settled() == "ready"
    assert runtime.call("facts")["python"] == [3, 14]
    assert runtime.console == []
    assert runtime.page.evaluate("performance.getEntriesByName('balon:core').length") == 1
    runtime.page.close()


def test_the_trimmed_library_packs_archives(started: Runtime) -> None:
    packed = started.call("archive")
    assert packed["read"] == {"größe/текст.md": 4000, "piece by piece.json": 2}
    assert packed["size"] < 500


def test_requests_nothing_from_elsewhere(started: Runtime) -> None:
    assert any(url.endswith(".wasm") for url in started.requests), "the worker's requests are not captured"
    assert {urlsplit(url).netloc for url in started.requests if not url.startswith("blob:")} == {
        urlsplit(started.server.url).netloc
    }


def test_fetches_each_file_once_and_only_what_it_needs(browser: Browser) -> None:
    folder, manifest = runtime_build()
    with StaticServer(folder, page_for(manifest)).running() as server:
        runtime = Runtime(browser.new_page(), server).open()
        assert runtime.settled() == "ready"
        runtime.page.close()
    fetched = [path for path in server.requests if path.startswith("/static/dist/")]
    assert sorted(fetched) == sorted(set(fetched))
    assert len(fetched) <= 8
    assert not any("lock" in path or "python_stdlib.zip" in path for path in fetched)


@pytest.mark.parametrize(
    "evaluation",
    ["core.call('try_eval')", "new Promise((resolve) => setTimeout(() => resolve(tryEval())))"],
    ids=["worker", "page"],
)
def test_the_policy_forbids_eval(started: Runtime, evaluation: str) -> None:
    assert "Content Security Policy" in started.page.evaluate(evaluation)


def test_values_cross_unchanged(started: Runtime) -> None:
    values = [None, True, 1, 1.5, "ü😀", [1, [2]], {"a": None, "b": {"c": "d"}}, "\ud800"]
    assert started.call("echo", *values) == values
    assert started.page.evaluate("core.call('echo', undefined)") == [None]
    assert started.call("describe", {"a": 1}) == "dict"


def test_byte_arrays_go_in_as_they_are_and_are_zeroed_in_the_page(started: Runtime) -> None:
    script = "bytes => core.call('byte_sum', bytes).then(answer => [answer, [...bytes]])"
    answer, left = started.page.evaluate(f"({script})(new Uint8Array([1, 2, 3]))")
    assert answer == {"type": "JsProxy", "sum": 6, "size": 3}
    assert left == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "expected"),
    [("'plain_bytes'", [0, 255]), ("'double', new Uint8Array([1, 2])", [1, 2, 1, 2])],
    ids=["bytes", "proxy"],
)
def test_bytes_come_out_as_a_byte_array(started: Runtime, call: str, expected: list[int]) -> None:
    script = f"core.call({call}).then(r => [r.constructor.name, [...r]])"
    assert started.page.evaluate(script) == ["Uint8Array", expected]


def test_a_refusal_arrives_as_a_problem(started: Runtime) -> None:
    problem = {"code": "refused", "title": "Refused.", "detail": "It matters.", "action": "sign-in"}
    assert started.refusal("refuse") == {"name": "Problem", **problem}


def test_a_mistake_arrives_without_its_text(started: Runtime) -> None:
    started.console.clear()
    answer = started.refusal("stumble")
    assert answer["code"] == "internal"
    assert len(started.console) == 1
    assert "ValueError at balon_client/app.py" in started.console[0]
    assert "secret" not in json.dumps([answer, started.console])


def test_calls_overlap(started: Runtime) -> None:
    script = "Promise.all([...Array(100).keys()].map(n => core.call('slow', n)))"
    begun = time.monotonic()
    assert started.page.evaluate(script) == list(range(100))
    assert time.monotonic() - begun < 4  # one after the other it would be five seconds


def test_events_arrive_in_order_with_their_type(started: Runtime) -> None:
    script = """new Promise((resolve) => {
        const seen = [];
        core.addEventListener("reply", ({ detail }) => {
            seen.push(detail);
            if (seen.length === 3) resolve(seen);
        });
        for (const text of ["a", "b", "c"]) core.call("announce", { type: "reply", text });
    })"""
    assert started.page.evaluate(script) == [{"type": "reply", "text": text} for text in "abc"]


def test_nothing_stays_in_the_browsers_databases(started: Runtime) -> None:
    deadline = time.monotonic() + 15
    while started.page.evaluate("indexedDB.databases().then(list => list.length)"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("content", [None, b"altered"], ids=["missing", "altered"])
@pytest.mark.parametrize("role", ["wasm", "stdlib", "client"])
def test_a_file_that_is_missing_or_altered_is_a_failure_that_is_shown(
    broken: Callable[..., Runtime], role: str, content: bytes | None
) -> None:
    runtime = broken(role, content)
    assert runtime.settled() == "failed"
    answer = runtime.refusal("facts")
    assert (answer["name"], answer["code"], answer["action"]) == ("Problem", "core-failed", "reload")


@pytest.mark.parametrize(
    "entry",
    [b"raise ValueError", b"from balon_client.app import nothing", b"__export__ = []"],
    ids=["raises", "imports in vain", "exports nothing"],
)
def test_a_worker_that_does_not_come_up_is_a_failure_that_is_shown(
    broken: Callable[..., Runtime], entry: bytes
) -> None:
    assert broken("main", entry).settled() == "failed"


def test_a_policy_that_forbids_the_worker_is_a_failure_that_is_shown(browser: Browser) -> None:
    folder, manifest = runtime_build()
    policy = POLICY.replace("worker-src 'self' blob:", "worker-src 'self'")
    assert policy != POLICY
    with StaticServer(folder, page_for(manifest), policy=policy).running() as server:
        runtime = Runtime(browser.new_page(), server).open()
        assert runtime.settled() == "failed"
        runtime.page.close()


def test_starts_and_talks_in_firefox(server: StaticServer) -> None:
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    assert firefox, "Firefox is not installed"
    expressions = [SETTLED, "core.call('facts')", "core.call('echo', null, [1, {a: 'ü'}])"]
    expressions += ["core.call('byte_sum', new Uint8Array([1, 2, 3]))", f"core.call('refuse').catch({CATCH})"]
    order = json.dumps({"firefox": firefox, "url": server.url, "expressions": expressions})
    command = [nodejs.node_folder() / "node", ROOT / "tests" / "browser" / "firefox_probe.mjs", order]
    report = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    state, facts, echoed, summed, refused = report["results"]
    assert (report["console"], report["errors"], state) == ([], [], "ready")
    assert facts["python"] == [3, 14]
    assert echoed == [None, [1, {"a": "ü"}]]
    assert summed == {"type": "JsProxy", "sum": 6, "size": 3}
    assert refused["code"] == "refused"
    assert any(url.endswith(".wasm") for url in report["requests"]), "the worker's requests are not captured"
    assert {urlsplit(url).netloc for url in report["requests"] if not url.startswith("blob:")} == {
        urlsplit(server.url).netloc
    }


def test_building_again_changes_nothing() -> None:
    folder, first = runtime_build.__wrapped__()
    made = {name: (folder / name).stat().st_mtime_ns for name in first["files"]}
    _, manifest = runtime_build.__wrapped__()
    assert manifest == first
    assert {name: (folder / name).stat().st_mtime_ns for name in manifest["files"]} == made
