"""Password, login name and recovery kit over the years: what changes, what stays, and what is refused in which words."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.person import Person
from tests.stack.fixtures import Watch
from tests.stack.installation import Installation
from tests.stack.wiretap import Wiretap

WRITTEN: Final = "What did the cardiologist mean by benign?"
OPEN_PROFILE = Callable[[], BrowserContext]

NO_KIT_WORKS: Final = {
    "code": "The recovery code is incomplete or mistyped.",
    "credential": "The recovery credential is incomplete or changed.",
    "two kits": "This code and this credential do not belong together.",
}


@pytest.fixture(scope="module")
def people(browser: Browser, whole_installation: tuple[Installation, Wiretap]) -> tuple[Person, Person]:
    """Two accounts for all tests of this module, each on a page of its own: the keys of one take seconds."""
    origin = whole_installation[1].origin
    contexts = [browser.new_context(base_url=origin) for _ in range(2)]
    owner, other = (Person(context.new_page()) for context in contexts)
    owner.sign_up()
    owner.send(WRITTEN)
    owner.expect_reply("fake model")
    other.sign_up()
    for context in contexts:
        context.close()
    return owner, other


@pytest.fixture
def owner(people: tuple[Person, Person]) -> Person:
    """Whose account it is; what changes about it, a test writes here for the next."""
    return people[0]


@pytest.fixture
def other(people: tuple[Person, Person]) -> Person:
    """Someone with an account of their own."""
    return people[1]


@pytest.fixture
def enter(owner: Person, open_profile: OPEN_PROFILE) -> Callable[[], Person]:
    """Signs the owner in in a new browser profile."""

    def enter_one() -> Person:
        person = owner.on(open_profile().new_page())
        person.enter()
        return person

    return enter_one


def code_of(kit_text: str) -> str:
    """The recovery code of a kit."""
    return next(line for line in kit_text.splitlines() if line.count("-") == 13)


def flipped(text: str, position: int) -> str:
    """The text with one character changed."""
    return text[:position] + ("7" if text[position] != "7" else "8") + text[position + 1 :]


def spoiled_kits(kit_text: str, foreign: str) -> dict[str, str]:
    """A kit with a code of one wrong letter, with a credential of one wrong letter, with the code of another kit."""
    code = code_of(kit_text)
    credential = kit_text.index("BALON-RECOVERY-1.") + 300
    return {
        "code": kit_text.replace(code, flipped(code, 7)),
        "credential": flipped(kit_text, credential),
        "two kits": kit_text.replace(code, code_of(foreign)),
    }


def expect_history(person: Person) -> None:
    """Opens the conversation and reads it."""
    links = person.page.get_by_role("navigation", name="Conversations").get_by_role("link")
    links.filter(has_text="cardiologist").click()
    expect(person.articles("You").first).to_contain_text(WRITTEN)
    person.expect_reply("fake model")


def expect_refusal(person: Person, words: str) -> None:
    """Waits for an alert with these words."""
    expect(person.alert.filter(has_text=words)).to_be_visible()


# --- Password ---


def test_a_new_password_ends_the_other_sessions_and_every_tab_here_follows(
    owner: Person, enter: Callable[[], Person], watch: Watch
) -> None:
    watch.expect("401")
    phone, laptop = enter(), enter()
    tab = owner.on(laptop.page.context.new_page())
    tab.open()
    expect(tab.message_box).to_be_visible()
    old, new = owner.password, "heron-lantern-seventy-Granite-sofa"
    laptop.open_settings()
    laptop.change_password(new)
    expect(laptop.page.get_by_text("Your password is changed.")).to_be_visible()
    owner.password = new

    notice = phone.page.get_by_role("status").filter(has_text="by a change of the password")
    expect(notice).to_be_visible()
    assert phone.kept_keys() is None, "the keys went with the session"
    phone.sign_in(old)
    expect_refusal(phone, "Login name or password is wrong.")
    phone.sign_in(new)
    expect_history(phone)

    expect_history(tab)
    tab.page.reload()
    expect(tab.articles("You").first).to_contain_text(WRITTEN)


def test_a_tab_that_was_locked_meanwhile_asks_for_the_new_password(
    owner: Person, enter: Callable[[], Person], watch: Watch
) -> None:
    watch.expect("401")
    phone, laptop = enter(), enter()
    phone.lock()
    old, new = owner.password, "walrus-teapot-ninety-Copper-meadow"
    laptop.open_settings()
    laptop.change_password(new)
    expect(laptop.page.get_by_text("Your password is changed.")).to_be_visible()
    owner.password = new

    phone.unlock(old)
    expect(phone.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(phone.page.get_by_role("status").filter(has_text="change of the password")).to_be_visible()
    assert phone.kept_keys() is None
    phone.sign_in(new)
    expect_history(phone)


def test_a_wrong_current_password_is_noticed_here_and_nothing_is_sent(
    enter: Callable[[], Person], wiretap: Wiretap
) -> None:
    laptop = enter()
    laptop.open_settings()
    expect(laptop.page.get_by_text("You are signed in nowhere else.").or_(laptop.end_others)).to_be_visible()
    before = len(wiretap.requests("POST"))
    laptop.change_password("something-else-Entirely-forty-two", current="not-the-password-at-all")
    expect_refusal(laptop, "This is not your password.")
    expect(laptop.page.get_by_label("Current password")).to_have_attribute("aria-invalid", "true")
    assert len(wiretap.requests("POST")) == before


# --- Exposed keys ---


def test_keys_that_were_exposed_are_replaced_and_the_history_stays(
    owner: Person, enter: Callable[[], Person], watch: Watch
) -> None:
    watch.expect("401")
    phone, laptop = enter(), enter()
    exposed, spent, new = owner.password, owner.kit_text, "lantern-quarry-seventeen-Otter-violin"
    laptop.open_settings()
    laptop.replace_keys(new)
    laptop.put_kit_away()
    owner.password, owner.kit_text = new, laptop.kit_text
    assert code_of(laptop.kit_text) != code_of(spent)
    laptop.page.goto("/")
    expect_history(laptop)
    laptop.send("Under a new key.")  # The old one seals nothing more.
    laptop.expect_reply("fake model")

    expect(phone.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert phone.kept_keys() is None, "the keys went with the session"
    phone.sign_in(exposed)
    expect_refusal(phone, "Login name or password is wrong.")
    phone.sign_in(new)
    expect_history(phone)
    expect(phone.articles("You").last).to_contain_text("Under a new key.")
    phone.open_settings()
    phone.check_kit(spent)
    expect_refusal(phone, "This kit was used before")


# --- Login name ---


def test_a_new_login_name_is_the_only_one_that_signs_in(
    owner: Person, enter: Callable[[], Person], watch: Watch
) -> None:
    watch.expect("401")
    phone, laptop = enter(), enter()
    old, new = owner.login, f"{owner.login}-renamed"
    laptop.open_settings()
    laptop.change_login(new)
    expect(laptop.page.get_by_text("Your login name is changed.")).to_be_visible()
    expect(laptop.page.get_by_text(f"You sign in as {new}.")).to_be_visible()
    owner.login = new

    expect(phone.page.get_by_role("button", name="Sign in")).to_be_visible()
    phone.login = old
    phone.sign_in()
    expect_refusal(phone, "Login name or password is wrong.")
    phone.login = new
    phone.sign_in()
    expect_history(phone)


def test_a_login_name_that_is_taken_is_refused_at_its_field(
    owner: Person, other: Person, enter: Callable[[], Person], watch: Watch
) -> None:
    watch.expect("409")
    laptop = enter()
    laptop.open_settings()
    laptop.change_login(other.login)
    expect_refusal(laptop, "This login name is taken.")
    expect(laptop.page.get_by_text(f"You sign in as {owner.login}.")).to_be_visible()
    laptop.page.reload()
    expect(laptop.page.get_by_text(f"You sign in as {owner.login}.")).to_be_visible()


# --- The kit ---


def test_checking_a_kit_tells_good_from_spoiled_from_foreign(
    owner: Person, other: Person, enter: Callable[[], Person]
) -> None:
    laptop = enter()
    laptop.open_settings()
    for name, text in spoiled_kits(owner.kit_text, other.kit_text).items():
        laptop.check_kit(text)
        expect_refusal(laptop, NO_KIT_WORKS[name])
    laptop.check_kit(other.kit_text)
    expect_refusal(laptop, "This is the kit of another account.")
    laptop.check_kit(owner.kit_text)
    expect(laptop.page.get_by_text("Your kit is good:")).to_be_visible()
    expect(laptop.alert).to_have_count(0)


def test_a_spoiled_kit_is_refused_before_anything_is_sent(
    owner: Person, other: Person, open_profile: OPEN_PROFILE, wiretap: Wiretap
) -> None:
    person = owner.on(open_profile().new_page())
    person.open_recovery()
    for name, text in spoiled_kits(owner.kit_text, other.kit_text).items():
        person.recover("quartz-bicycle-thirty-Lemon-harbor", text=text)
        expect_refusal(person, NO_KIT_WORKS[name])
    assert not [each for each in wiretap.exchanges if "recovery" in each.path and each.method == "POST"]


def test_a_kit_brings_the_account_back_once(
    owner: Person, enter: Callable[[], Person], open_profile: OPEN_PROFILE, watch: Watch, tmp_path: Path
) -> None:
    watch.expect("401")
    phone = enter()
    forgotten, used, new = owner.password, owner.kit_text, "quartz-bicycle-thirty-Lemon-harbor"
    kit_file = tmp_path / "kit.txt"
    kit_file.write_text(used, encoding="utf-8")

    rescued = owner.on(open_profile().new_page())
    rescued.open_recovery()
    rescued.recover(new, file=kit_file)
    rescued.put_kit_away()
    owner.password, owner.kit_text = new, rescued.kit_text
    expect_history(rescued)
    assert code_of(rescued.kit_text) != code_of(used)
    assert kit_file.read_text(encoding="utf-8") not in rescued.kit_text

    expect(phone.page.get_by_role("status").filter(has_text="use your recovery kit")).to_be_visible()
    assert phone.kept_keys() is None
    phone.sign_in(forgotten)
    expect_refusal(phone, "Login name or password is wrong.")
    phone.open_recovery()
    phone.recover("another-Password-that-will-not-be", text=used)
    expect_refusal(phone, "This kit was used before, or a newer one has taken its place.")
    phone.page.goto("/")
    phone.sign_in(new)
    expect_history(phone)
    phone.open_settings()
    phone.check_kit(used)
    expect_refusal(phone, "This kit was used before")


def test_the_new_kit_works_when_it_is_pasted(owner: Person, open_profile: OPEN_PROFILE, watch: Watch) -> None:
    rescued = owner.on(open_profile().new_page())
    rescued.open_recovery()
    new = "saffron-glacier-eleven-Pigeon-window"
    pasted = re.sub(r"(?m)^", "> ", owner.kit_text)
    rescued.recover(new, text=pasted)
    rescued.put_kit_away()
    owner.password, owner.kit_text = new, rescued.kit_text
    expect_history(rescued)
