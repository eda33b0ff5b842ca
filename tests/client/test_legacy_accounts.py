"""The first sign-in of an account from before encryption, and what a server could make of it (section 12; A53)."""

import unicodedata
import uuid

import pytest

from balon.protocol.contexts import legacy_login_info
from balon.protocol.encoding import decode_b64u, encode_b64u, parse_uuid
from balon.protocol.password import DEFAULT_ITERATIONS, LEGACY_ALGORITHM
from balon_client import build_options
from tests.client.changing import Break, changing_server
from tests.client.conftest import ALICE
from tests.client.doubles import accounts as double_accounts
from tests.client.doubles.accounts import public_of
from tests.client.doubles.envelopes import hkdf
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

DORA = "dora@example.org"
TYPED = "corréct horse ﬁve"
"""Its NFKC form is another one, which Django did not take."""
SALT = b"k3Jd9sLq0ZxW1vBn7MtyRA"
PATH = "/api/v1/accounts/legacy"


def typed(text: str = TYPED) -> tuple[bytearray, bytearray]:
    """The password as the page gives it: as typed, and normalized."""
    return bytearray(text.encode()), bytearray(unicodedata.normalize("NFKC", text).encode())


@pytest.fixture(autouse=True)
def _build_with_legacy_sign_in(monkeypatch, _derived_once):
    monkeypatch.setattr(build_options, "LEGACY_SIGNIN", True)


@pytest.fixture
def server(town, clock):
    made = changing_server(town, clock)
    user_id = str(uuid.uuid4())
    octets = double_accounts.pbkdf2(TYPED.encode(), SALT, 600_000)
    public = public_of(hkdf(octets, b"", legacy_login_info(parse_uuid(user_id))))
    made.state.accounts[DORA] = {
        "user_id": user_id, "login": DORA, "kdf": LEGACY_ALGORITHM, "n": 600_000,
        "salt": encode_b64u(SALT), "login_pub": encode_b64u(public), "account_version": 1,
    }  # fmt: skip
    return made


async def test_a_sign_in_asks_first_and_derives_nothing(stranger, server):
    given = password(TYPED)
    assert await refused(stranger.sign_in(DORA, given)) == "first-sign-in"
    assert not any(given)
    assert server.derived == []
    assert stranger.alarms == []


async def test_the_first_sign_in_makes_keys_and_later_ones_need_no_more_than_the_password(stranger, server):
    given = typed()
    before = server.account_of(DORA)["user_id"]
    made = await stranger.first_sign_in(" Dora@Example.org ", *given)
    assert (made["session"]["state"], made["session"]["login"]) == ("signed-in", DORA)
    assert made["kit"]["recovery_code"] in made["kit"]["text"]
    assert not any(given[0])
    assert not any(given[1])
    account = server.account_of(DORA)
    assert (account["user_id"], account["kdf"], account["n"]) == (before, "PBKDF2-SHA256", DEFAULT_ITERATIONS)
    assert decode_b64u(account["salt"]) != SALT
    assert stranger.keys.parts.keyring.content.no_plaintext is False, "its old conversations are still to come"
    await stranger.say("It goes on")
    await stranger.sign_out()
    assert (await stranger.sign_in(DORA, typed()[1]))["state"] == "signed-in"


async def test_neither_password_nor_hash_nor_code_is_sent(stranger, server):
    made = await stranger.first_sign_in(DORA, *typed())
    octets = double_accounts.pbkdf2(TYPED.encode(), SALT, 600_000)
    sent = repr([each.body for each in server.requests])
    for known in (TYPED, encode_b64u(octets), octets.hex(), made["kit"]["recovery_code"], made["kit"]["credential"]):
        assert known not in sent


async def test_a_wrong_password_changes_nothing(stranger, server):
    before = dict(server.account_of(DORA))
    assert await refused(stranger.first_sign_in(DORA, *typed("another one"))) == "sign-in-refused"
    assert server.account_of(DORA) == before
    assert (stranger.session["state"], stranger.alarms) == ("signed-out", [])
    assert (await stranger.first_sign_in(DORA, *typed()))["session"]["state"] == "signed-in"


async def test_a_fresh_build_lets_no_old_account_in(stranger, server, monkeypatch):
    """Unless whoever builds the page says so, an old account is a lie about the derivation (A2)."""
    monkeypatch.setattr(build_options, "LEGACY_SIGNIN", False)
    given = typed()
    assert await refused(stranger.sign_in(DORA, password(TYPED))) == "kdf-refused"
    assert await refused(stranger.first_sign_in(DORA, *given)) == "kdf-refused"
    assert not any(given[0])
    assert not any(given[1])
    assert server.derived == []


# --- A server that calls a modern account an old one (A53) ---


LIES = {
    "n = 1": ("n", 1),
    "one iteration too few": ("n", 599_999),
    "too many iterations": ("n", 5_000_001),
    "a short salt": ("salt", encode_b64u(b"abc")),
    "a salt that does not vary": ("salt", encode_b64u(b"a" * 22)),
    "another algorithm": ("kdf", "django-md5"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_nothing_is_derived_and_nothing_sent_after(stranger, server, lie):
    server.lie("POST", "/api/v1/accounts/prelogin", changed("kdf", LEGACY_ALGORITHM))
    server.lie("POST", "/api/v1/accounts/prelogin", changed("salt", encode_b64u(SALT)))
    server.lie("POST", "/api/v1/accounts/prelogin", changed(*LIES[lie]))
    given = typed()
    assert await refused(stranger.first_sign_in(ALICE, *given)) == "kdf-refused"
    assert not any(given[0])
    assert not any(given[1])
    assert server.asked("POST", "/api/v1/accounts/(login|legacy)") == []


async def test_a_modern_account_is_never_given_keys_by_the_way(stranger, server):
    """Without the lie there is nothing to make; with it the person is asked, and a tab that knows better refuses."""
    assert await refused(stranger.first_sign_in(ALICE, *typed())) == "not-legacy"
    await stranger.sign_in_as(ALICE)
    await stranger.lock()
    server.lie("POST", "/api/v1/accounts/prelogin", changed("kdf", LEGACY_ALGORITHM))
    server.lie("POST", "/api/v1/accounts/prelogin", changed("salt", encode_b64u(SALT)))
    before = len(server.requests)
    assert await refused(stranger.first_sign_in(f" {ALICE.upper()}", *typed())) == "kdf-refused"
    assert len(server.requests) == before
    assert (await stranger.unlock(password()))["state"] == "signed-in"


async def test_terms_that_change_on_the_way_are_an_alarm_and_nothing_is_sent(stranger, server):
    turns = iter((600_000, 600_001, 600_002))

    def drift(answer):
        return {**answer, "n": next(turns)}

    server.lie("POST", "/api/v1/accounts/prelogin", drift)
    assert await refused(stranger.first_sign_in(DORA, *typed())) == "kdf-refused"
    assert server.asked("POST", PATH) == []


@pytest.mark.parametrize("name", ["mek_env", "rsa_env", "idk_env", "salt"])
async def test_a_server_that_keeps_something_else_is_refused(stranger, server, name):
    server.lie("POST", PATH, changed(f"records.{name}", lambda text: flip(text, -1)))
    assert await refused(stranger.first_sign_in(DORA, *typed())) == "account-keys-refused"
    assert stranger.profile.storage.record is None


# --- A network that breaks ---


@pytest.mark.parametrize("acted", [False, True])
async def test_a_lost_answer_loses_no_kit(stranger, server, acted):
    server.break_at = Break(3, acted, for_good=False)
    if acted:
        made = await stranger.first_sign_in(DORA, *typed())
        assert made["kit"]["login"] == DORA
    else:
        assert await refused(stranger.first_sign_in(DORA, *typed())) == "network"
        assert server.account_of(DORA)["kdf"] == LEGACY_ALGORITHM
        made = await stranger.first_sign_in(DORA, *typed())
    assert made["session"]["state"] == "signed-in"
    assert len(server.account_of(DORA)["salt"]) == 43
