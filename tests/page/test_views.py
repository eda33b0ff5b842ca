"""Every view at both widths, in light and dark: axe finds nothing serious, and nothing is wider than the screen."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, OpenPage, message
from tests.page.server import ROOT
from tests.page.steps import View, settled
from tests.page.views import VIEWS

AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """async () => {
  const options = {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
    'best-practice']};
  const {violations} = await axe.run(document, options);
  return violations.filter(({impact}) => impact === 'serious' || impact === 'critical').flatMap(
    ({id, nodes}) => nodes.map(({html, failureSummary}) => `${id}: ${html.slice(0, 160)} ${failureSummary}`));
}"""
WIDER = """() => [...document.querySelectorAll('body, body *')].filter(element => {
  const scrolls = element.closest('.log pre, .table-scroll, .example, .sr-only, [inert]');
  const {width, left, right} = element.getBoundingClientRect();
  const seen = width > 0 && getComputedStyle(element).visibility === 'visible';
  return !scrolls && seen && (right > innerWidth + 1 || left < -1);
}).map(element => element.outerHTML.slice(0, 120))"""
STILL = """() => Promise.all(document.getAnimations().filter(
  each => each.effect.getComputedTiming().endTime !== Infinity).map(each => each.finished.catch(() => {})))"""

Scheme = Literal["light", "dark"]


def reach(open_page: OpenPage, view: View, **options: Any) -> Page:
    page = open_page(view.scenario, view.path, script=view.script, **options)
    page.on("dialog", lambda question: question.accept())  # the kit asks before the test leaves it
    view.reach(page)
    return page


def axe(page: Page) -> list[str]:
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(STILL)
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN_AXE)
    return found


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_no_serious_fault_and_fits(open_page: OpenPage, name: str) -> None:
    page = reach(open_page, VIEWS[name], viewport={"width": 360, "height": 740}, color_scheme="light")
    faults = axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(WIDER) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate(STILL)
    faults += page.evaluate(RUN_AXE)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate(STILL)
    faults += page.evaluate(RUN_AXE)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.evaluate(STILL)
    assert faults + page.evaluate(RUN_AXE) == []
    assert page.evaluate(WIDER) == []


def test_axe_would_find_a_fault(open_page: OpenPage) -> None:
    page = reach(open_page, VIEWS["chat"])
    page.evaluate("document.querySelector('textarea').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('textarea').removeAttribute('placeholder')")
    assert any(fault.startswith("label:") for fault in axe(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(open_page: OpenPage, scheme: Scheme) -> None:
    page = reach(open_page, VIEWS["chat"], color_scheme=scheme)
    red, green, blue = page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red + green + blue > 600) == (scheme == "light")


def test_with_reduced_motion_nothing_moves_for_long(open_page: OpenPage) -> None:
    page = reach(open_page, VIEWS["streaming"], reduced_motion="reduce")
    endless = "document.getAnimations().filter(each => each.effect.getComputedTiming().activeDuration > 50).length"
    assert page.evaluate(endless) == 0


def test_a_wide_screen_keeps_lines_readable(open_page: OpenPage) -> None:
    page = reach(open_page, VIEWS["chat"], viewport={"width": 2560, "height": 1300})
    widest = "Math.max(...[...document.querySelectorAll('.block')].map(each => each.getBoundingClientRect().width))"
    assert page.evaluate(widest) <= 800
    assert page.evaluate(WIDER) == []


def test_text_at_twice_its_size_still_fits(open_page: OpenPage) -> None:
    page = reach(open_page, VIEWS["chat"], viewport={"width": 640, "height": 740})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_in_viewport()


def test_controls_are_large_enough_for_a_thumb(open_page: OpenPage) -> None:
    page = reach(open_page, VIEWS["chat"], viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    for name in ("Show the list", "Where is plaintext", "Members", "Conversation", "Send"):
        size = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 36, name


def test_a_reader_is_told_of_a_reply_when_it_is_complete(open_page: OpenPage) -> None:
    messages = [message(1, "you", "Hello")]
    page = open_page({**SIGNED_IN, "messages": messages, "tokens": ["Good ", "day."]}, OPEN)
    log = page.get_by_role("log", name="Messages")
    expect(log).to_have_attribute("aria-live", "polite")
    page.get_by_role("textbox", name="Message", exact=True).fill("Hi")
    page.keyboard.press("Enter")
    expect(log.get_by_role("article").last).to_contain_text("Good day.")
    expect(log).to_have_attribute("aria-busy", "false")


def test_the_headings_are_in_order(open_page: OpenPage) -> None:
    page = open_page(SIGNED_IN, OPEN)
    settled(page)
    levels = page.locator("main :is(h1, h2, h3, h4, h5, h6)").evaluate_all("all => all.map(each => +each.localName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
