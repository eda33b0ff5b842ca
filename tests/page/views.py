"""Every view and dialog of the page, by name: how to get there. For axe, for widths, and for pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.page.conftest import OPEN, SIGNED_IN, message
from tests.page.steps import PROBLEM, View, button, item, open_drawer, see, settled, steps
from tests.page.views_people import PEOPLE_VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable

PASSPHRASE = "umbrella-cobalt-thirteen-Walrus-meadow"
MARK = {
    "code": "unconfirmed",
    "title": "This reply is not confirmed.",
    "detail": "Its signature does not hold: someone may have altered it.",
    "action": None,
}
FIRST_SIGN_IN = {
    "code": "first-sign-in",
    "title": "This is the first sign-in since Balon encrypts.",
    "detail": "",
    "action": None,
}
USED_KIT = {
    "code": "kit-used",
    "title": "This kit was used before.",
    "detail": "A kit recovers an account once. Use the newer kit that you got when it was used.",
    "action": None,
}
WRONG_PASSWORD = {
    "code": "wrong-password",
    "title": "This is not your password.",
    "detail": "Nothing was changed. Try again.",
    "action": None,
}
OLDER = "/#older-01890000-0000-7000-8000-000000001388"
LEAVING = {**SIGNED_IN, "deleteAfter": 1_790_000_000_000}
FAILING = dict.fromkeys(("list_sessions", "deletion", "disclosure"), PROBLEM)
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3
TROUBLED = [
    message(1, "you", f"{LONG_WORD} https://example.com/{'a' * 200}"),
    message(
        2, "assistant", f"# Wide things\n\n```\n{'x' * 300}\n```\n\n| {' | '.join('abcdefghij')} |\n{'|---' * 10}|"
    ),
    message(3, "assistant", "Text that nobody vouches for.", mark=MARK),
    message(4, "person", None, mark={**MARK, "title": "This message cannot be opened.", "detail": "It was changed."}),
    message(5, "assistant", "Cut in the mid", finish="interrupted"),
]


def refuse_sign_in(page: Page) -> None:
    """Signs in with what the worker refuses."""
    try_to_sign_in(page)
    expect(page.get_by_role("alert")).to_be_visible()


def try_to_sign_in(page: Page) -> None:
    """Fills the form and sends it."""
    page.get_by_role("textbox", name="Login name").fill("alice")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()


def sign_up(password: str) -> Callable[[Page], None]:
    """Fills the sign-up form and sends it."""

    def run(page: Page) -> None:
        page.get_by_role("textbox", name="Login name").fill("alice")
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_label("Confirm password").fill(password)
        page.get_by_role("button", name="Create account").click()

    return run


def recover(kit: str, password: str) -> Callable[[Page], None]:
    """Fills the recovery form and sends it."""

    def run(page: Page) -> None:
        page.get_by_role("textbox", name="Recovery kit", exact=True).fill(kit)
        page.get_by_label("New password", exact=True).fill(password)
        page.get_by_label("Confirm new password").fill(password)
        page.get_by_role("button", name="Recover account").click()

    return run


def open_forms(page: Page) -> None:
    """Opens every form of the settings at once, the emptiness of each refused."""
    see("Known to this account since")(page)
    forms = {
        "Change login name": "Change login name",
        "Change password": "Change password",
        "My password was exposed": "Replace my keys",
        "Check your kit": "Check your kit",
    }
    for name, action in forms.items():
        page.get_by_role("button", name=name).click()
        page.get_by_role("button", name=action).click()
        expect(page.get_by_role("form", name=name).get_by_role("alert").first).to_be_visible()


def open_rows(page: Page) -> None:
    """Opens the rows of every table that the server holds."""
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator(".row").first).to_be_visible()


def choose_export(page: Page) -> None:
    """Gives the settings a file of another product."""
    page.get_by_label("Export file").set_input_files(
        {"name": "export.zip", "mimeType": "application/zip", "buffer": b"PK"}
    )
    expect(page.get_by_role("list", name="Conversations in the file")).to_be_visible()


def read_older(page: Page) -> None:
    """Reads a conversation that is still in plaintext to its end."""
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_text("A small rock in the sea.")).to_be_visible()


def refuse_to_delete(page: Page) -> None:
    """Asks to delete the account with a password that is wrong."""
    page.get_by_role("button", name="Delete account").click()
    dialog = page.get_by_role("alertdialog")
    dialog.get_by_label("Password", exact=True).fill("wrong")
    dialog.get_by_role("button", name="Delete account").click()
    expect(dialog.get_by_role("alert")).to_be_visible()


def suggest(page: Page) -> None:
    """Has a passphrase suggested."""
    page.get_by_role("button", name="Suggest a passphrase").click()
    expect(page.locator(".suggestion-words")).to_be_visible()


def begin_reply(page: Page) -> None:
    """Sends something to a model that takes its time."""
    page.get_by_role("textbox", name="Message", exact=True).fill("Go on")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Assistant").last).to_contain_text("One One")


def fail_to_send(page: Page) -> None:
    """Sends something that cannot be sent."""
    page.get_by_role("textbox", name="Message", exact=True).fill("Precious words")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def replace_keys(page: Page) -> None:
    """Has every key replaced, the identity too."""
    page.get_by_role("button", name="My password was exposed").click()
    form = page.get_by_role("form", name="My password was exposed")
    form.get_by_label("Current password").fill("old")
    form.get_by_label("New password", exact=True).fill(PASSPHRASE)
    form.get_by_label("Confirm new password").fill(PASSPHRASE)
    form.get_by_label("Also replace my identity key").check()
    form.get_by_role("button", name="Replace my keys").click()


def open_account(page: Page) -> None:
    """Opens the account menu."""
    open_drawer(page)
    button("Account")(page)


INSECURE = "Object.defineProperty(globalThis, 'isSecureContext', {value: false});"
TOO_OLD = "delete globalThis.WebAssembly;"
SLOW = {**SIGNED_IN, "tokens": ["One "] * 400, "tokenMs": 40}
DELETE = steps(settled, button("Conversation"), item("Delete"))

VIEWS = {
    "sign-in": View(),
    "sign-in-refused": View({"problems": {"sign_in": {**PROBLEM, "title": "Wrong."}}}, reach=refuse_sign_in),
    "first-sign-in": View(
        {"problems": {"sign_in": FIRST_SIGN_IN}}, reach=steps(try_to_sign_in, see("Your first sign-in since"))
    ),
    "sign-up": View(path="/#sign-up", reach=see("Your keys are ready")),
    "sign-up-weak": View(path="/#sign-up", reach=steps(sign_up("Password1234!"), see("Too easy to guess"))),
    "sign-up-suggested": View(path="/#sign-up", reach=suggest),
    "kit": View(path="/#sign-up", reach=steps(sign_up(PASSPHRASE), see("Save your recovery kit"))),
    "recovery": View(path="/#recovery", reach=see("A kit works once")),
    "recovery-refused": View(
        {"problems": {"recover": USED_KIT}},
        "/#recovery",
        steps(recover("a kit", PASSPHRASE), see(USED_KIT["title"])),
    ),
    "recovery-empty": View(path="/#recovery", reach=steps(recover("", "x"), see("There is no recovery kit yet"))),
    "new-kit": View(path="/#recovery", reach=steps(recover("a kit", PASSPHRASE), see("Save your recovery kit"))),
    "locked": View({"session": "locked"}, reach=see("Locked")),
    "signing-out": View({**SIGNED_IN, "held": ["sign_out"]}, OPEN, steps(settled, open_account, item("Sign out"))),
    "insecure": View(script=INSECURE, reach=see("Balon needs HTTPS")),
    "too-old": View(script=TOO_OLD, reach=see("This browser is too old")),
    "empty": View({**SIGNED_IN, "conversations": 0}, reach=see("What is on your mind?")),
    "chat": View(SIGNED_IN, OPEN, settled),
    "streaming": View(SLOW, OPEN, steps(settled, begin_reply)),
    "failed": View({**SIGNED_IN, "problems": {"send": PROBLEM}}, OPEN, steps(settled, fail_to_send)),
    "alarmed": View({**SIGNED_IN, "alarms": [PROBLEM], "writable": False}, OPEN, steps(settled, see(PROBLEM["title"]))),
    "troubled": View({**SIGNED_IN, "messages": TROUBLED, "persistent": False}, OPEN, see("Interrupted")),
    "plaintext": View(SIGNED_IN, OPEN, steps(settled, button("Where is plaintext"), see("3f9a c81d"))),
    "members": View(SIGNED_IN, OPEN, steps(settled, button("Members"), see("Only you are here"))),
    "menu": View(SIGNED_IN, OPEN, steps(settled, button("Conversation"))),
    "rename": View(SIGNED_IN, OPEN, steps(settled, button("Conversation"), item("Rename"))),
    "delete": View(SIGNED_IN, OPEN, DELETE),
    "model": View(SIGNED_IN, OPEN, steps(settled, button("Demonstration model"))),
    "list": View(SIGNED_IN, OPEN, steps(settled, open_drawer)),
    "account": View(SIGNED_IN, OPEN, steps(settled, open_account)),
    "settings": View(SIGNED_IN, f"{OPEN}#settings", see("Known to this account since")),
    "settings-forms": View(SIGNED_IN, f"{OPEN}#settings", open_forms),
    "settings-failed": View({**SIGNED_IN, "problems": FAILING}, f"{OPEN}#settings", see(PROBLEM["title"])),
    "settings-alone": View({**SIGNED_IN, "sessions": 1}, f"{OPEN}#settings", see("You are signed in nowhere else")),
    "replacing-keys": View(
        {**SIGNED_IN, "rotationSteps": 5000}, f"{OPEN}#settings", steps(replace_keys, see("of 5000 conversations"))
    ),
    "replaced-keys": View(SIGNED_IN, f"{OPEN}#settings", steps(replace_keys, see("Save your recovery kit"))),
    "kit-due": View({**SIGNED_IN, "kitDue": True}, OPEN, steps(settled, see("Can you still recover your account?"))),
    "end-session": View(
        SIGNED_IN,
        f"{OPEN}#settings",
        steps(see("Chrome on Android"), lambda page: page.get_by_role("button", name="End", exact=True).first.click()),
    ),
    "exporting": View(
        {**SIGNED_IN, "exportSteps": 5000}, f"{OPEN}#settings", steps(button("Export everything"), see("of 5000"))
    ),
    "import": View(
        {**SIGNED_IN, "importable": 14}, f"{OPEN}#settings", steps(choose_export, see("Left out: 2 images"))
    ),
    "importing": View(
        {**SIGNED_IN, "held": ["import"], "importWaitS": 40},
        f"{OPEN}#settings",
        steps(choose_export, button("Import 3 conversations"), see("The server takes no more right now")),
    ),
    "migration": View({**SIGNED_IN, "migration": "ready"}, OPEN, steps(settled, see("were written before Balon"))),
    "migrating": View(
        {**SIGNED_IN, "migration": "paused", "held": ["migration"]},
        f"{OPEN}#settings",
        steps(button("Resume"), see("4.2 a second")),
    ),
    "migration-failed": View(
        {**SIGNED_IN, "migration": "paused", "migrationFails": True},
        OPEN,
        steps(settled, button("Resume"), see("could not be encrypted")),
    ),
    "migrated": View({**SIGNED_IN, "migration": "verified"}, f"{OPEN}#settings", see("was read back and opened")),
    "migration-empty": View(
        {**SIGNED_IN, "migration": "verified", "older": 0}, OPEN, steps(settled, see("nothing from before encryption"))
    ),
    "finishing": View({**SIGNED_IN, "migration": "verified"}, OPEN, steps(settled, button("Finish"))),
    "older": View({**SIGNED_IN, "migration": "ready"}, OLDER, read_older),
    "imported": View(
        {**SIGNED_IN, "importFails": True},
        f"{OPEN}#settings",
        steps(choose_export, button("Import 3 conversations"), see("2 conversations imported, 1 not.")),
    ),
    "delete-account": View(
        {**SIGNED_IN, "problems": {"request_deletion": WRONG_PASSWORD}}, f"{OPEN}#settings", refuse_to_delete
    ),
    "deletion-pending": View(LEAVING, f"{OPEN}#settings", see("Until then everything works")),
    "deletion-noted": View(LEAVING, OPEN, steps(settled, see("Your account is deleted for good"))),
    "server": View(SIGNED_IN, f"{OPEN}#server", see("the kind of browser")),
    "server-rows": View(SIGNED_IN, f"{OPEN}#server", steps(see("the kind of browser"), open_rows)),
    "server-failed": View({**SIGNED_IN, "problems": FAILING}, f"{OPEN}#server", see(PROBLEM["title"])),
    **PEOPLE_VIEWS,
}
