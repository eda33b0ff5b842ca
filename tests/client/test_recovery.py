"""Recovery by kit and the check of a kit (docs/protocol.md section 6; A32, A33)."""

import re
from uuid import UUID

import pytest

from balon_client.keyring_model import Contact
from balon_client.kits import read_kit
from tests.client.changing import changing_server, signs_in_elsewhere
from tests.client.conftest import ALICE, BOB
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

NEW = "a whole new password, quite long"
CAROL = "carol@example.org"
RECOVERY = "/api/v1/accounts/recovery"
FRIEND = UUID("00000000-0000-4000-8000-00000000000f")


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


@pytest.fixture
def kit(town):
    return town.kit


async def test_a_kit_gives_a_new_password_and_a_new_kit(stranger, kit, elsewhere):
    made = await stranger.recover(kit["text"], password(NEW))
    assert (made["session"]["state"], made["session"]["login"]) == ("signed-in", ALICE)
    assert made["kit"]["login"] == ALICE
    assert await stranger.check_kit(made["kit"]["text"]) is None
    assert await elsewhere(ALICE, password()) == "sign-in-refused"
    assert not isinstance(await elsewhere(ALICE, password(NEW)), str)


async def test_master_key_and_kit_are_new_and_the_identity_stays(stranger, server, kit):
    before = dict(server.account_of(ALICE))
    await stranger.recover(kit["text"], password(NEW))
    after = server.account_of(ALICE)
    assert after["bundle"] == before["bundle"]
    assert after["mek_ver"] == before["mek_ver"] + 1
    assert after["keyring"]["version"] == before["keyring"]["version"] + 1
    changes = ("salt", "login_pub", "mek_env", "idk_env", "rsa_env", "recovery")
    assert all(before[name] != after[name] for name in changes)


async def test_pins_and_conversations_survive(alice, kit):
    sent = await alice.say("kept")
    keyring = alice.keys.parts.keyring
    keyring.change(lambda content: content.contacts.setdefault(FRIEND, Contact(bytes(32), 1, 2)) is not None)
    await keyring.save()
    pinned = list(keyring.content.gateways)
    await alice.sign_out()
    await alice.recover(kit["text"], password(NEW))
    content = alice.keys.parts.keyring.content
    assert content.contacts == {FRIEND: Contact(bytes(32), 1, 2)}
    assert content.gateways == pinned
    shown = await alice.open_conversation(sent["conversation_id"])
    assert [message["text"] for message in shown["messages"]] == ["kept", "Hello, world."]
    assert not alice.alarms


async def test_all_other_sessions_end(alice, second_device, kit):
    await alice.sign_out()
    await alice.recover(kit["text"], password(NEW))
    await second_device.left("ended")


async def test_a_tab_of_the_same_browser_follows(alice, other_tab, kit):
    await alice.recover(kit["text"], password(NEW))
    await other_tab.left("signed-in")
    assert other_tab.session["state"] == "signed-in"


async def test_a_kit_works_once(stranger, kit):
    await stranger.recover(kit["text"], password(NEW))
    assert await refused(stranger.recover(kit["text"], password())) == "kit-used"
    assert await refused(stranger.check_kit(kit["text"])) == "kit-used"


async def test_the_new_kit_recovers_again(stranger, kit):
    made = await stranger.recover(kit["text"], password(NEW))
    again = await stranger.recover(made["kit"]["text"], password("the third one, long enough"))
    assert again["kit"]["credential"] != made["kit"]["credential"]


async def test_a_kit_still_works_after_a_change_of_password_and_name(alice, kit):
    await alice.change_password(password(), password(NEW))
    await alice.change_login("alice.new@example.org", password(NEW))
    assert await alice.check_kit(kit["text"]) is None
    await alice.sign_out()
    made = await alice.recover(kit["text"], password())
    assert made["kit"]["login"] == "alice.new@example.org"


# --- Reading ---


def quoted(kit):
    lines = [kit["credential"][start : start + 60] for start in range(0, len(kit["credential"]), 60)]
    return "\n".join(f"> {line}" for line in ["Hello,", kit["recovery_code"], *lines, "", "Bye"])


FORMS = [
    lambda kit: kit["text"],
    lambda kit: kit["text"].replace("\n", "\r\n"),
    lambda kit: f"{kit['credential']}\n{kit['recovery_code']}",
    lambda kit: f"{kit['credential']} {kit['recovery_code']}",
    lambda kit: kit["recovery_code"].replace("-", "").lower() + "\n" + kit["credential"],
    lambda kit: kit["recovery_code"].replace("-", " ").replace("0", "O").replace("1", "l") + ", " + kit["credential"],
    lambda kit: kit["text"].replace(kit["credential"], "\n ".join(re.findall(".{1,76}", kit["credential"]))),
    quoted,
]


@pytest.mark.parametrize("form", FORMS)
def test_code_and_credential_are_found_in_whatever_was_pasted(kit, form):
    assert read_kit(form(kit)) == read_kit(kit["text"])


def without(text: str, start: int, count: int) -> str:
    return text[:start] + text[start + count :]


DAMAGED = [
    (lambda kit: "", "kit-damaged-credential"),
    (lambda kit: None, "kit-damaged-credential"),
    (lambda kit: "x" * 300_000, "kit-damaged-credential"),
    (lambda kit: kit["recovery_code"], "kit-damaged-credential"),
    (lambda kit: kit["text"].replace("BALON-RECOVERY-1.", "BALON-RECOVERY-2."), "kit-damaged-credential"),
    (lambda kit: kit["text"].replace(kit["credential"], kit["credential"][:-1]), "kit-damaged-credential"),
    (lambda kit: kit["text"].replace(kit["credential"], without(kit["credential"], 200, 4)), "kit-damaged-credential"),
    (lambda kit: kit["text"].rstrip()[:-300], "kit-damaged-credential"),
    (lambda kit: kit["credential"], "kit-damaged-code"),
    (lambda kit: kit["text"].replace(kit["recovery_code"], kit["recovery_code"][:-3]), "kit-damaged-code"),
    (lambda kit: kit["text"].replace(kit["recovery_code"], mistyped(kit["recovery_code"])), "kit-damaged-code"),
    (lambda kit: kit["text"].replace(kit["recovery_code"], without(kit["recovery_code"], 4, 5)), "kit-damaged-code"),
]


def mistyped(code: str) -> str:
    return ("2" if code[0] != "2" else "3") + code[1:]


@pytest.mark.parametrize(("damage", "code"), DAMAGED)
async def test_a_damaged_kit_says_which_half_and_nothing_is_sent(stranger, server, kit, damage, code):
    typed = password(NEW)
    assert await refused(stranger.recover(damage(kit), typed)) == code
    assert not any(typed)
    assert server.asked("POST") == []


async def test_halves_of_two_kits_are_noticed_here(stranger, server, kit):
    other = (await stranger.sign_up(CAROL, password()))["kit"]
    await stranger.sign_out()
    server.requests.clear()
    mixed = f"{other['recovery_code']}\n{kit['credential']}"
    assert await refused(stranger.recover(mixed, password(NEW))) == "kit-mismatch"
    assert server.asked("POST") == []


@pytest.mark.parametrize("secret", [b"", b"x" * 1025])
async def test_a_password_that_cannot_be_is_noticed_before_anything_is_sent(stranger, server, kit, secret):
    assert await refused(stranger.recover(kit["text"], bytearray(secret))) == "invalid-password"
    assert server.asked("POST") == []


async def test_a_kit_that_the_server_does_not_know(stranger, server, kit):
    del server.state.accounts[ALICE]
    assert await refused(stranger.recover(kit["text"], password(NEW))) == "recovery-refused"
    assert server.changes == []


# --- Lies ---


def bobs(server, name):
    return lambda _: server.account_of(BOB)[name]


OPEN_LIES = [
    (lambda server: changed("bundle", bobs(server, "bundle")), "account-keys-refused"),
    (lambda server: changed("bundle.signature", lambda text: flip(text, 0)), "account-keys-refused"),
    (lambda server: changed("bundle.statement", lambda text: flip(text, -1)), "account-keys-refused"),
    (lambda server: changed("mek_ver", 2), "account-keys-refused"),
    (lambda server: changed("keyring", bobs(server, "keyring")), "keyring-refused"),
    (lambda server: changed("keyring.version", 9), "keyring-refused"),
    (lambda server: changed("keyring.envelope", lambda text: flip(text, -1)), "keyring-refused"),
    (lambda server: changed("bundle", None), "server-answer-refused"),
    (lambda server: changed("mek_ver", 0), "server-answer-refused"),
]


@pytest.mark.parametrize(("lie", "code"), OPEN_LIES)
async def test_after_a_lie_no_key_is_sent(stranger, server, kit, lie, code):
    server.lie("POST", f"{RECOVERY}/open", lie(server))
    assert await refused(stranger.recover(kit["text"], password(NEW))) == code
    assert server.changes == []
    assert stranger.keys is None


async def test_a_bundle_of_ones_own_keys_for_someone_else_is_refused(stranger, server, kit):
    """The server answers with the account of Bob altogether (A33)."""
    bob = server.account_of(BOB)
    answer = {name: bob[name] for name in ("account_version", "mek_ver", "bundle", "keyring")}
    server.lie("POST", f"{RECOVERY}/open", lambda _: answer)
    server.lie("POST", f"{RECOVERY}/prelogin", changed("login", BOB))
    code = await refused(stranger.recover(kit["text"], password(NEW)))
    assert code in {"account-keys-refused", "recovery-refused"}
    assert server.changes == []


@pytest.mark.parametrize("login", ["", "A B", "Alice@example.org"])
async def test_a_login_name_that_is_none_stops_it_before_the_proof(stranger, server, kit, login):
    server.lie("POST", f"{RECOVERY}/prelogin", changed("login", login))
    assert await refused(stranger.recover(kit["text"], password(NEW))) == "account-keys-refused"
    assert server.derived == []


async def test_another_login_name_before_the_last_step_stops_it(stranger, server, kit):
    seen = []

    def second_time(answer):
        seen.append(answer)
        return answer if len(seen) == 1 else answer | {"login": BOB}

    server.lie("POST", f"{RECOVERY}/prelogin", second_time)
    assert await refused(stranger.recover(kit["text"], password(NEW))) == "account-keys-refused"
    assert server.changes == []


@pytest.mark.parametrize(
    "lie",
    [
        changed("records.mek_env", lambda text: flip(text, -1)),
        changed("records.rsa_env", lambda text: flip(text, -1)),
        changed("records.mek_ver", 1),
        changed("records.keyring.envelope", lambda text: flip(text, -1)),
        changed("records.recovery_id", "00000000-0000-4000-8000-000000000001"),
        changed("user_id", "00000000-0000-4000-8000-000000000001"),
        changed("login", BOB),
        changed("account_version", 7),
    ],
)
async def test_an_answer_that_is_not_what_was_sent_is_an_alarm(stranger, server, kit, lie):
    server.lie("POST", RECOVERY, lie)
    assert await refused(stranger.recover(kit["text"], password(NEW))) == "account-keys-refused"
    assert stranger.keys is None


# --- The check ---


async def test_a_check_uses_nothing_up(alice, server, kit):
    assert await alice.check_kit(kit["text"]) is None
    assert await alice.check_kit(kit["text"]) is None
    assert server.asked("POST") == []
    assert server.account_of(ALICE)["account_version"] == 1


async def test_a_kit_of_another_account_is_told(stranger, kit):
    other = (await stranger.sign_up(CAROL, password()))["kit"]
    assert await refused(stranger.check_kit(kit["text"])) == "kit-other-account"
    assert await stranger.check_kit(other["text"]) is None
    assert await refused(stranger.check_kit(f"{kit['recovery_code']} {other['credential']}")) == "kit-mismatch"


async def test_a_server_that_calls_an_old_kit_the_newest_is_not_believed(stranger, server, kit):
    old = server.account_of(ALICE)["recovery"]["recovery_id"]
    await stranger.recover(kit["text"], password(NEW))
    server.lie("GET", "/api/v1/accounts/self", changed("records.recovery_id", old))
    assert await refused(stranger.check_kit(kit["text"])) == "kit-used"


async def test_nobody_checks_a_kit_without_a_session(stranger, server, kit):
    assert await refused(stranger.check_kit(kit["text"])) == "signed-out"
    assert server.asked("POST") == []
