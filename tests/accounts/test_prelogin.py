"""The first step of sign-in tells nothing of an account but what a stranger may know (threats A3, A4)."""

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from cryptography.fernet import Fernet

from accounts.decoys import derive_decoy
from accounts.errors import InstallationKeyError
from accounts.models import Challenge, SignInRecord, User
from accounts.sealing import seal_at_rest
from accounts.selectors import place_of
from balon.protocol.encoding import decode_b64u, encode_b64u, parse_uuid
from tests.browsers import Browser
from tests.keys import public_bytes

pytestmark = pytest.mark.django_db

KEYS = ["user_id", "kdf", "n", "salt", "challenge_id", "challenge", "expires_in"]


@pytest.fixture
def visitor(settings: Any) -> Browser:
    settings.BALON_LIMIT_ADDRESS = (10_000, 300)
    return Browser()


def make_accounts(count: int) -> list[str]:
    """Accounts by the row: signing each up would take long. A third of them derives with 1 000 000 iterations."""
    logins = [f"known{number:03}@example.org" for number in range(count)]
    for number, login in enumerate(logins):
        user = User.objects.create_person(user_id=derive_decoy(f"id of {login}").user_id, login=login)
        SignInRecord.objects.create(
            user=user,
            kdf="PBKDF2-SHA256",
            iterations=1_000_000 if number % 3 == 0 else 600_000,
            mek_ver=1,
            login_pub_sealed=seal_at_rest(os.urandom(32), place=place_of("login_pub", user.pk)),
            salt_sealed=seal_at_rest(os.urandom(32), place=place_of("salt", user.pk)),
            mek_env_sealed=seal_at_rest(os.urandom(136), place=place_of("mek_env", user.pk)),
        )
    return logins


def ask(visitor: Browser, login: str) -> tuple[dict[str, Any], Any]:
    answer = visitor.post("accounts/prelogin", {"login": login})
    content: dict[str, Any] = answer.json()
    shape = (
        answer.status_code,
        sorted((name, value) for name, value in answer.headers.items() if name != "Content-Length"),
        len(answer.content) - len(str(content["n"])),
        [(name, type(value), len(str(value)) if name != "n" else 0) for name, value in content.items()],
        sorted(answer.cookies),
    )
    return content, shape


def test_answers_exactly_these_members(alice: Browser):
    content = alice.prelogin()
    assert list(content) == KEYS
    assert content["user_id"] == str(alice.keys.user_id)
    assert (content["kdf"], content["n"], content["expires_in"]) == ("PBKDF2-SHA256", 720_000, 60)
    assert decode_b64u(content["salt"]) == alice.keys.salt
    assert len(decode_b64u(content["challenge"])) == 32


def test_known_and_unknown_logins_look_alike(visitor: Browser):
    known = make_accounts(200)
    unknown = [f"nobody{number:03}@example.org" for number in range(200)]
    visitor.prelogin(known[0])  # The first answer of all sets a cookie.
    answers = {login: ask(visitor, login) for login in [*known, *unknown]}
    assert len({repr(shape) for _, shape in answers.values()}) == 1
    assert all(parse_uuid(content["user_id"]).version == 4 for content, _ in answers.values())
    counts = {
        kind: Counter(answers[login][0]["n"] for login in logins)[1_000_000]
        for kind, logins in {"known": known, "unknown": unknown}.items()
    }
    assert counts["known"] == 67
    assert 40 <= counts["unknown"] <= 100  # The logins are fixed and so is the key: this number never changes.
    assert Challenge.objects.count() == 401


def test_a_stranger_stays_the_same_over_calls_and_restarts(visitor: Browser):
    first, second = (visitor.prelogin("nobody@example.org") for _ in range(2))
    for name in ("user_id", "kdf", "n", "salt"):
        assert first[name] == second[name]
    assert first["challenge"] != second["challenge"]
    program = (
        "import django; django.setup(); from accounts.decoys import derive_decoy;"
        "d = derive_decoy('nobody@example.org'); print(d.user_id, d.salt.hex())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "BALON_TEST_SERVICES"}
    fresh = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert fresh == [first["user_id"], decode_b64u(first["salt"]).hex()]


def test_strangers_differ_from_each_other_and_with_the_key(visitor: Browser, settings: Any):
    here = visitor.prelogin("nobody@example.org")
    other = visitor.prelogin("nobody2@example.org")
    settings.BALON_DECOY_KEY = bytes(32)
    elsewhere = visitor.prelogin("nobody@example.org")
    assert len({answer["user_id"] for answer in (here, other, elsewhere)}) == 3
    assert len({answer["salt"] for answer in (here, other, elsewhere)}) == 3


@pytest.mark.parametrize("login", ["alice@example.org", "nobody@example.org"])
def test_under_a_lost_installation_key_nobody_is_told_apart(alice: Browser, settings: Any, login: str):
    settings.BALON_INSTALLATION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(InstallationKeyError):
        Browser().prelogin(login)


def test_normalizes_the_login_name(alice: Browser):
    assert alice.prelogin("  Alice@Example.ORG ")["user_id"] == str(alice.keys.user_id)


def test_a_closed_account_and_an_operator_look_like_strangers(alice: Browser):
    User.objects.filter(pk=alice.keys.user_id).update(is_active=False)
    operator = User.objects.create_superuser(login="operator", password="a long operator's password")
    assert alice.prelogin()["user_id"] != str(alice.keys.user_id)
    assert alice.prelogin("operator")["user_id"] != str(operator.pk)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"login": None}, {"login": 5}, {"login": ""}, {"login": "a"}, {"login": "a b c"}, {"login": "x" * 2000},
        {"login": "\x00\x00\x00"}, {"login": "alice@example.org", "n": 1}, [], "text", None, 5,
    ],
)  # fmt: skip
def test_refuses_a_body_that_names_no_login(visitor: Browser, body: Any):
    answer = visitor.post("accounts/prelogin", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Challenge.objects.exists()


def test_keeps_no_login_name_with_the_challenge(visitor: Browser):
    visitor.prelogin("my-password-typed-wrong")
    row = Challenge.objects.get()
    assert row.user is None
    assert b"my-password" not in row.login_tag
    assert len(row.login_tag) == 32


def test_nothing_answered_comes_from_the_password(alice: Browser):
    """The login key is the one thing on record that depends on the master secret (A3)."""
    text = alice.post("accounts/prelogin", {"login": alice.keys.login}).content.decode()
    assert encode_b64u(public_bytes(alice.keys.login_key)) not in text
    assert encode_b64u(b"BLN") not in text  # no envelope of any kind


def test_throttles_an_address(settings: Any):
    settings.BALON_LIMIT_ADDRESS = (2, 300)
    here, elsewhere = Browser(), Browser(address="127.0.0.2")
    answers = [here.post("accounts/prelogin", {"login": "nobody@example.org"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert elsewhere.post("accounts/prelogin", {"login": "nobody@example.org"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::7", "2001:db8:1:3::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_throttles_all_addresses_that_one_subscriber_has(settings: Any, address: str, same: str, other: str):
    settings.BALON_LIMIT_ADDRESS = (1, 300)
    browsers = [Browser(address=each) for each in (address, same, other)]
    answers = [browser.post("accounts/prelogin", {"login": "nobody@example.org"}) for browser in browsers]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
