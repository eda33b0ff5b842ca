"""What the tables of views are made of: a view, and small steps that lead to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from collections.abc import Callable


PROBLEM = {
    "code": "gateway-changed",
    "title": "The gateway that reads your prompts is not the one you know.",
    "detail": "Its identity has changed since you first used it. Nothing is sent until whoever runs it confirms the new "
    "fingerprint.",
    "action": "retry",
}


@dataclass
class View:
    """A scenario, an address, and what to do there until the view is on screen."""

    scenario: dict[str, Any] = field(default_factory=dict)
    path: str = "/"
    reach: Callable[[Page], None] = lambda page: None
    script: str = ""


def button(name: str) -> Callable[[Page], None]:
    """A step that presses a button."""
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def steps(*each: Callable[[Page], None]) -> Callable[[Page], None]:
    """Several steps as one."""

    def run(page: Page) -> None:
        for step in each:
            step(page)

    return run


def see(text: str) -> Callable[[Page], None]:
    """A step that waits for a text."""
    return lambda page: expect(page.get_by_text(text).first).to_be_visible()


def item(name: str) -> Callable[[Page], None]:
    """A step that chooses from an open menu."""
    return lambda page: page.get_by_role("menuitem", name=name).click()


def settled(page: Page) -> None:
    """The sample conversation, formatted and coloured."""
    expect(page.get_by_role("article").last).to_contain_text("You are welcome")
    expect(page.locator(".body code").last).to_be_attached()


def open_drawer(page: Page) -> None:
    """Shows the list where it is a drawer."""
    if page.get_by_role("button", name="Show the list").is_visible():
        page.get_by_role("button", name="Show the list").click()
        expect(page.get_by_role("button", name="Close the list")).to_be_focused()
