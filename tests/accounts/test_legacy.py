"""Accounts from before encryption: prelogin, the first sign-in, and what operators do (docs/protocol.md section 12)."""

import uuid
from collections import Counter
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from accounts.decoys import derive_decoy
from accounts.errors import InstallationKeyError
from accounts.legacy_hashes import UnusableHashError, adopt_hashes, parse_hash, retire_hashes
from accounts.models import LegacySignInRecord, SignInRecord, SignInSession, User
from accounts.sealing import seal_at_rest
from accounts.selectors import place_of
from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.statements import AuthAction
from keystore.models import KeyBundle, Keyring
from tests.accounts.legacy import SALT, Newcomer, encode_hash
from tests.accounts.test_prelogin import ask, make_accounts
from tests.browsers import Browser
from tests.keys import public_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora() -> Newcomer:
    return Newcomer().move_in()


def test_prelogin_names_the_old_hash_and_nothing_made_of_the_password(dora: Newcomer):
    content = dora.browser.prelogin()
    assert (content["kdf"], content["n"]) == ("django-pbkdf2-sha256", 600_000)
    assert decode_b64u(content["salt"]).decode() == SALT
    assert content["user_id"] == str(User.objects.get().pk)
    assert set(content) == {"user_id", "kdf", "n", "salt", "challenge_id", "challenge", "expires_in"}


def test_the_first_sign_in_brings_keys_and_deletes_the_hash(dora: Newcomer):
    answer = dora.upgrade()
    assert answer.status_code == 201, answer.content
    keys = dora.browser.keys
    assert answer.json()["records"]["bundle"] == keys.sign_up_body()["bundle"] | answer.json()["records"]["bundle"]
    user = User.objects.get()
    assert not user.has_usable_password()
    assert (LegacySignInRecord.objects.count(), SignInRecord.objects.count(), user.account_version) == (0, 1, 2)
    assert dora.browser.fetch_session()["state"] == "active"
    assert Browser(keys).sign_in().status_code == 200
    assert Browser(keys).prelogin()["kdf"] == "PBKDF2-SHA256"


def test_works_once(dora: Newcomer):
    assert dora.upgrade().status_code == 201
    again = dora.upgrade()
    assert (again.status_code, again.json()["code"]) == (401, "sign-in-refused")
    assert SignInSession.objects.count() == 1


PROOF_LIES: dict[str, dict[str, Any]] = {
    "sign-up": {"action": AuthAction.SIGN_UP},
    "another origin": {"origin": "https://evil.example"},
    "another user": {"user_id": uuid.uuid4()},
    "fewer iterations": {"iterations": 1},
    "the new algorithm": {"kdf": "PBKDF2-SHA256"},
    "another salt": {"salt": bytes(range(32))},
    "another body": {"body": b"{}"},
}


@pytest.mark.parametrize("lie", PROOF_LIES)
def test_refuses_a_proof_over(dora: Newcomer, lie: str):
    answer = dora.upgrade(**PROOF_LIES[lie])
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-refused")
    _assert_untouched()


def test_refuses_a_wrong_password_like_an_unknown_login(dora: Newcomer):
    wrong = replace(dora, password="another").upgrade()
    nobody = Newcomer(login="nobody@example.org")
    nobody.browser.keys.login = "nobody@example.org"
    unknown = nobody.upgrade()
    assert wrong.json() == unknown.json() | {key: wrong.json()[key] for key in ("instance",) if key in wrong.json()}
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    _assert_untouched()


def test_an_old_account_does_not_sign_in_as_a_new_one_and_a_new_one_is_not_upgraded(dora: Newcomer, alice: Browser):
    assert dora.browser.sign_in().status_code == 401
    fake = Newcomer(login=alice.keys.login, browser=Browser(alice.keys))
    before = SignInRecord.objects.get(pk=alice.keys.user_id).login_pub_sealed
    assert fake.upgrade().status_code == 401
    assert SignInRecord.objects.get(pk=alice.keys.user_id).login_pub_sealed == before


@pytest.mark.parametrize(
    "change",
    [{"user_id": str(uuid.uuid4())}, {"n": 599_999}, {"kdf": "django-pbkdf2-sha256"}, {"mek_ver": 2}],
    ids=["another user", "too few iterations", "the old kdf", "a later master key"],
)
def test_refuses_keys_that_do_not_fit(dora: Newcomer, change: dict[str, Any]):
    answer = dora.upgrade({**dora.browser.keys.sign_up_body(), **change})
    assert answer.status_code == 400
    _assert_untouched()


def test_refuses_the_kit_of_somebody_else_and_leaves_nothing_behind(dora: Newcomer, alice: Browser):
    body = dora.browser.keys.sign_up_body()
    body["recovery"]["recovery_id"] = str(alice.keys.recovery_id)
    assert dora.upgrade(body).status_code == 400
    assert User.objects.get(login=dora.login).has_usable_password()
    assert (KeyBundle.objects.count(), Keyring.objects.count(), LegacySignInRecord.objects.count()) == (1, 1, 1)


def test_the_closed_are_refused(dora: Newcomer):
    challenge = dora.browser.prelogin()
    User.objects.update(is_active=False)
    dora.browser.prelogin = lambda login=None: challenge  # type: ignore[method-assign]
    assert dora.upgrade().status_code == 401
    _assert_untouched()


def test_nobody_can_sign_up_under_an_old_login_name_or_invite_it(dora: Newcomer, alice: Browser):
    other = Browser(replace(alice.keys, login=dora.login, user_id=uuid.uuid4(), recovery_id=uuid.uuid4()))
    assert other.sign_up().json()["code"] == "login-taken"
    assert alice.post("keys/lookup", {"login": dora.login}).json()["code"] == "unknown-login"


def test_unknown_logins_follow_the_kinds_that_there_are(settings: Any):
    settings.BALON_LIMIT_ADDRESS = (10_000, 300)
    known = make_accounts(60)
    for number, login in enumerate(known[:40]):
        user = User.objects.get(login=login)
        SignInRecord.objects.filter(pk=user.pk).delete()
        salt = SALT.encode()[: 12 if number < 10 else 22]
        LegacySignInRecord.objects.create(
            user=user,
            iterations=600_000,
            salt_size=len(salt),
            login_pub_sealed=seal_at_rest(bytes(32), place=place_of("legacy_login_pub", user.pk)),
            salt_sealed=seal_at_rest(salt, place=place_of("legacy_salt", user.pk)),
        )
    visitor = Browser()
    visitor.prelogin(known[0])
    unknown = [f"nobody{number:03}@example.org" for number in range(120)]
    kinds = {
        name: Counter(_kind(visitor, login) for login in logins)
        for name, logins in (("known", known), ("unknown", unknown))
    }
    assert set(kinds["known"]) == set(kinds["unknown"])
    for kind, count in kinds["known"].items():
        assert abs(kinds["unknown"][kind] / 120 - count / 60) < 0.12, kind


def _kind(visitor: Browser, login: str) -> tuple[Any, ...]:
    content, shape = ask(visitor, login)
    salt = decode_b64u(content["salt"])
    if content["kdf"] != "PBKDF2-SHA256":
        assert salt.decode().isalnum()
    return content["kdf"], content["n"], len(salt), shape[0], repr(shape[1])


def test_a_made_up_old_account_becomes_a_new_one_and_never_back(dora: Newcomer):
    decoy = derive_decoy("nobody@example.org")
    before = Browser().prelogin("nobody@example.org")
    assert (before["kdf"], before["salt"]) == ("django-pbkdf2-sha256", encode_b64u(decoy.legacy_salt[:22]))
    assert dora.upgrade().status_code == 201
    from django.core.cache import cache

    cache.clear()
    after = Browser().prelogin("nobody@example.org")
    assert (after["kdf"], after["salt"]) == ("PBKDF2-SHA256", encode_b64u(decoy.salt))
    assert after["user_id"] == before["user_id"]


HASHES = {
    "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA": "hash of another kind",
    "bcrypt_sha256$$2b$12$abc": "hash of another kind",
    "pbkdf2_sha256$599999$aaaabbbbcccc$" + "A" * 43 + "=": "iterations or salt outside the policy",
    "pbkdf2_sha256$600000$short$" + "A" * 43 + "=": "iterations or salt outside the policy",
    "pbkdf2_sha256$600000$aaaabbbbcccc$AAAA": "malformed hash",
    "pbkdf2_sha256$600000$aaaabbbbcccc": "malformed hash",
    "pbkdf2_sha256$many$aaaabbbbcccc$" + "A" * 43 + "=": "malformed hash",
}


@pytest.mark.parametrize("encoded", HASHES)
def test_names_why_a_hash_is_of_no_use(encoded: str):
    with pytest.raises(UnusableHashError, match=HASHES[encoded]):
        parse_hash(encoded)


def test_adopting_counts_and_names_nobody(dora: Newcomer, alice: Browser):
    operator = User.objects.create_superuser(login="operator", password="long enough for an operator")
    User.objects.create(login="erik@example.org", password=next(iter(HASHES)))
    User.objects.create(login="Frida Ä", password=User.objects.get(login=dora.login).password)
    out = StringIO()
    call_command("adopt_legacy_hashes", stdout=out)
    assert out.getvalue().splitlines() == ["1 adopted", "1 hash of another kind", "1 login name outside the rules"]
    assert not LegacySignInRecord.objects.filter(pk__in=(operator.pk, alice.keys.user_id)).exists()
    call_command("adopt_legacy_hashes", stdout=StringIO())
    assert LegacySignInRecord.objects.count() == 1


def test_a_password_changed_under_the_previous_release_counts_after_adopting_anew(dora: Newcomer):
    encoded = encode_hash("a newer one", "b" * 11 + "c" * 11, 700_000)
    User.objects.update(password=encoded)
    adopt_hashes()
    renewed = replace(dora, password="a newer one", salt="b" * 11 + "c" * 11, iterations=700_000)
    assert dora.upgrade().status_code == 401
    assert renewed.upgrade().status_code == 201


def test_a_hash_that_became_one_of_another_kind_leaves_no_record(dora: Newcomer):
    User.objects.update(password=next(iter(HASHES)))
    adopt_hashes()
    assert not LegacySignInRecord.objects.exists()
    assert dora.upgrade().status_code == 401


def test_retired_hashes_are_gone_and_their_accounts_still_sign_in(dora: Newcomer):
    User.objects.create(login="erik@example.org", password=next(iter(HASHES)))
    assert (retire_hashes(), retire_hashes()) == ({"retired": 1}, {})
    assert not User.objects.get(login=dora.login).has_usable_password()
    assert User.objects.get(login="erik@example.org").has_usable_password()
    assert dora.upgrade().status_code == 201


def test_a_hash_of_which_no_record_can_be_made_is_not_retired(dora: Newcomer):
    erik = Newcomer("erik@example.org").move_in()
    changed = next(iter(HASHES))
    User.objects.filter(login=dora.login).update(password=changed)
    out = StringIO()
    call_command("retire_legacy_hashes", stdout=out)
    assert out.getvalue().splitlines() == ["1 hash of another kind", "1 retired"]
    assert User.objects.get(login=dora.login).password == changed
    assert LegacySignInRecord.objects.get().user.login == erik.login


def test_under_another_installation_key_nothing_is_retired(dora: Newcomer, settings: Any):
    settings.BALON_INSTALLATION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(InstallationKeyError):
        retire_hashes()
    assert User.objects.get().has_usable_password()


def test_what_is_kept_beside_the_hash_is_sealed(dora: Newcomer):
    record = LegacySignInRecord.objects.get()
    assert SALT.encode() not in record.salt_sealed
    assert public_bytes(dora.old_key) not in record.login_pub_sealed


def _assert_untouched() -> None:
    assert User.objects.get(login="dora@example.org").has_usable_password()
    assert LegacySignInRecord.objects.count() == 1
    assert SignInSession.objects.filter(user__login="dora@example.org").count() == 0
