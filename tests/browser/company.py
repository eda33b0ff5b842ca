"""What people do with each other on the page, by the accessible names of its controls (docs/page.md, "Several people")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from tests.browser.person import Person

PATIENCE_MS = 20_000


def links(person: Person) -> Locator:
    """The conversations in the list, invitations among them."""
    return person.page.get_by_role("navigation", name="Conversations").get_by_role("link")


def invitations(guest: Person, host: Person) -> Locator:
    """What somebody is invited to by somebody, in the list."""
    return links(guest).filter(has_text=re.compile(f"from {re.escape(host.login)}"))


def open_members(person: Person) -> Locator:
    """Opens the dialog "Members" of the conversation on screen."""
    person.page.get_by_role("button", name="Members", exact=True).click()
    dialog = person.page.get_by_role("dialog", name="Members")
    expect(dialog).to_be_visible()
    return dialog


def row_of(dialog: Locator, login: str) -> Locator:
    """A person's row in the dialog "Members"."""
    return dialog.get_by_role("listitem").filter(has_text=login)


def close(dialog: Locator) -> None:
    """Closes a dialog by its button."""
    dialog.get_by_role("button", name="Close", exact=True).click()
    expect(dialog).to_be_hidden()


class Named(Protocol):
    """Whoever has a login name, in whichever browser."""

    login: str


def begin(host: Person, text: str) -> None:
    """Begins a conversation and waits for the assistant's answer."""
    host.page.get_by_role("button", name="New conversation").click()
    host.send(text)
    host.expect_reply("fake model")


def invite(host: Person, guest: Named, *, role: str = "Member", share: bool = True) -> None:
    """Invites somebody to the conversation on screen, and waits until they are listed."""
    dialog = open_members(host)
    form = dialog.get_by_role("form", name="Invite")
    form.get_by_role("textbox", name="Login name").fill(guest.login)
    form.get_by_role("combobox", name="Role").select_option(label=role)
    form.get_by_role("checkbox", name="Share earlier messages").set_checked(share)
    form.get_by_role("button", name="Invite", exact=True).click()
    expect(row_of(dialog, guest.login)).to_be_visible(timeout=PATIENCE_MS)
    close(dialog)


def accept(guest: Person, host: Person) -> None:
    """Opens the newest invitation of somebody and accepts it."""
    invitations(guest, host).first.click(timeout=PATIENCE_MS)
    guest.page.get_by_role("button", name="Accept", exact=True).click()
    expect(guest.message_box.or_(guest.page.get_by_text("You can only read"))).to_be_visible(timeout=PATIENCE_MS)


def remove(host: Person, guest: Named) -> None:
    """Removes somebody from the conversation on screen, and waits until they are gone."""
    dialog = open_members(host)
    row_of(dialog, guest.login).get_by_role("button", name="Remove", exact=True).click()
    question = host.page.get_by_role("alertdialog")
    question.get_by_role("button", name="Remove", exact=True).click()
    try:
        expect(row_of(dialog, guest.login)).to_have_count(0, timeout=PATIENCE_MS)
    except AssertionError as failure:
        failure.add_note(f"The page says: {question.all_inner_texts()} over {host.page.inner_text('body')}")
        raise
    close(dialog)


def safety_number(person: Person, other: Person) -> list[str]:
    """The twelve groups of five digits that a person compares with another."""
    dialog = open_members(person)
    row_of(dialog, other.login).get_by_role("button", name="Verify", exact=True).click()
    number = person.page.get_by_role("dialog", name="Safety number")
    groups = number.get_by_role("listitem")
    expect(groups).to_have_count(12)
    found = groups.all_inner_texts()
    close(number)
    close(dialog)
    return found


def verify(person: Person, other: Person) -> None:
    """Marks somebody as verified."""
    dialog = open_members(person)
    row_of(dialog, other.login).get_by_role("button", name="Verify", exact=True).click()
    number = person.page.get_by_role("dialog", name="Safety number")
    number.get_by_role("button", name="Mark as verified").click()
    close(number)
    expect(row_of(dialog, other.login)).to_contain_text("Verified", timeout=PATIENCE_MS)
    close(dialog)


def choose_assistant(person: Person, mode: str) -> None:
    """Chooses when the assistant answers: "Every message" or "When mentioned"."""
    person.page.get_by_role("button", name="Conversation", exact=True).click()
    person.page.get_by_role("menuitemradio", name=mode).click()


def expect_message(person: Person, author: str, text: str) -> None:
    """Waits until a message of somebody is on screen."""
    expect(person.articles(author).filter(has_text=text)).to_have_count(1, timeout=PATIENCE_MS)
