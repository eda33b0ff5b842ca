"""The views of conversations with several people: members, invitations, changed keys, presence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.page.conftest import CONVERSATION, OPEN, SIGNED_IN, emit
from tests.page.steps import PROBLEM, View, button, open_drawer, see, settled, steps

if TYPE_CHECKING:
    from collections.abc import Callable

ALICE = {"name": "alice", "role": "owner"}
BOB = {"name": "bob", "role": "member"}
CAROL = {"name": "carol", "role": "reader"}
LONG_NAME = "a-rather-long-login-name.with+everything@example.org"
GROUP = {
    **SIGNED_IN,
    "assistant": "mention",
    "people": [
        ALICE,
        {**BOB, "verified": True},
        CAROL,
        {"name": LONG_NAME, "role": "invited", "invited_role": "member"},
    ],
}
CHANGED = {**GROUP, "people": [ALICE, {**BOB, "key_changed": True}, CAROL]}
READING = {**GROUP, "people": [{**ALICE, "role": "reader"}, {**BOB, "role": "owner"}]}
INVITED = {
    **SIGNED_IN,
    "unread": 3,
    "invitations": [
        {"by": "bob", "title": "Sailing in June", "role": "member", "share_history": True},
        {"by": LONG_NAME, "title": None, "role": "reader", "share_history": False},
    ],
}
INVITATION = "/c/01890000-0000-7000-8000-000000000384"


def there(page: Page) -> None:
    """Somebody else types and somebody is there; another message comes."""
    expect(page.get_by_role("article")).to_have_count(6)
    typing = [{"user_id": "1", "name": "bob", "state": "typing"}, {"user_id": "2", "name": "carol", "state": "here"}]
    emit(page, "presence", {"conversation_id": CONVERSATION, "people": typing})
    expect(page.locator(".presence")).to_have_text("bob is typing")


def members(page: Page) -> None:
    """The members of the conversation that is open."""
    expect(page.get_by_role("article").first).to_be_visible()
    button("Members")(page)
    expect(page.get_by_role("dialog", name="Members").get_by_role("listitem").first).to_be_visible()


def of_bob(name: str) -> Callable[[Page], None]:
    """A step that presses a button in the row of bob."""
    row = lambda page: page.get_by_role("listitem").filter(has_text="bob")  # noqa: E731 - shorter than a function here
    return lambda page: row(page).get_by_role("button", name=name).click()


def choose_role(page: Page) -> None:
    """Chooses another role for bob, not confirmed yet."""
    page.get_by_role("listitem").filter(has_text="bob").get_by_role("combobox", name="Role").select_option("Owner")
    expect(page.get_by_role("button", name="Change role")).to_be_visible()


def invite(login: str) -> Callable[[Page], None]:
    """Invites somebody, with the earlier messages."""

    def run(page: Page) -> None:
        page.get_by_role("textbox", name="Login name").fill(login)
        page.get_by_label("Share earlier messages").check()
        page.get_by_role("button", name="Invite").click()

    return run


def look_at(login: str) -> Callable[[Page], None]:
    """Types a name and leaves the field."""

    def run(page: Page) -> None:
        page.get_by_role("textbox", name="Login name").fill(login)
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Compare first")).to_be_visible()

    return run


PEOPLE_VIEWS = {
    "group": View(GROUP, OPEN, there),
    "group-members": View(GROUP, OPEN, members),
    "member-role": View(GROUP, OPEN, steps(members, choose_role)),
    "member-removal": View(GROUP, OPEN, steps(members, of_bob("Remove"))),
    "member-leaving": View(READING, OPEN, steps(members, button("Leave"))),
    "last-owner": View(GROUP, OPEN, steps(members, button("Leave"), see("You are its only owner"))),
    "members-failed": View(
        {**GROUP, "problems": {"members": PROBLEM}}, OPEN, steps(button("Members"), see(PROBLEM["title"]))
    ),
    "safety-number": View(GROUP, OPEN, steps(members, of_bob("Verify"), see("Take it back"))),
    "safety-number-changed": View(CHANGED, OPEN, steps(members, of_bob("Verify"), see("New key"))),
    "invite-known": View(GROUP, OPEN, steps(members, look_at("dave"))),
    "invite-unknown": View(GROUP, OPEN, steps(members, invite("nobody"), see("Nobody has this login name"))),
    "invited": View(GROUP, OPEN, steps(members, invite("dave"), see("dave is invited as a member"))),
    "key-changed": View(CHANGED, OPEN, see("The key of a member has changed")),
    "accept-key": View(CHANGED, OPEN, steps(button("Accept new key"), see("Accept the new key?"))),
    "reader": View(READING, OPEN, see("You are a reader here")),
    "group-menu": View(GROUP, OPEN, steps(there, button("Conversation"))),
    "group-plaintext": View(GROUP, OPEN, steps(there, button("Where is plaintext"), see("3f9a c81d"))),
    "invitation": View(INVITED, INVITATION, see("bob invites you")),
    "invitations": View(INVITED, reach=see("A conversation without a title")),
    "invitation-list": View(INVITED, OPEN, steps(settled, open_drawer)),
    "gone": View(
        SIGNED_IN, OPEN, steps(settled, lambda page: emit(page, "removed", {"conversation_id": CONVERSATION}))
    ),
}
