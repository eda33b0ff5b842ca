"""A hostile server at the door: derivation lowered, keys withheld, replaced or damaged (A1, A2, A5, A16 to A18, A42)."""

import json
import re
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from playwright.sync_api import expect

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.statements import AuthAction, AuthTranscript
from tests.browser.person import Person
from tests.security.evidence import Calls, Evidence
from tests.security.lies import MISSING, Lie, constant, cut_to, flipped, overwritten, setting
from tests.stack.fixtures import Watch
from tests.stack.wiretap import Exchange, Wiretap

PRELOGIN, LOGIN = "/api/v1/accounts/prelogin", "/api/v1/accounts/login"
WEAKER = "The server asked for a weaker protection of your password than Balon allows."
NOT_YOUR_KEYS = "The server did not give back the keys of your account."
NO_FORM = "The server's answer has not the form it must have."
NO_KEYRING = "The list of keys that you trust cannot be opened."


@pytest.fixture(scope="module")
def registration(account: Person, whole_installation: tuple[Any, Wiretap]) -> dict[str, Any]:
    """What Alice's browser sent to make her account: it holds the public half of her login key."""
    (sent,) = whole_installation[1].requests("POST", "/api/v1/accounts")
    body: dict[str, Any] = json.loads(sent.request)
    return body


@pytest.fixture
def door(registration: dict[str, Any], alice: Person, watch: Watch) -> Person:
    """Alice before the sign-in form."""
    watch.expect("403 (Forbidden)")  # A refused sign-in leaves an old CSRF token behind, which is renewed.
    if alice.message_box.is_visible():
        alice.sign_out()
        alice.wait_for_core()
    return alice


@pytest.fixture
def calls(door: Person) -> Calls:
    """The calls of WebCrypto from here on."""
    found = Calls(door.page.workers[0])
    found.taken()
    return found


def try_to_sign_in(person: Person, alarm: str) -> None:
    """Signs in and meets an alarm, which is all that happens."""
    if person.alert.is_visible():
        person.page.get_by_role("textbox", name="Login name").fill("")
    person.sign_in()
    button = person.page.get_by_role("button", name="Sign in")
    expect(button).to_have_attribute("aria-disabled", "false")
    expect(person.alert).to_contain_text(alarm)
    expect(button).to_be_visible()
    expect(person.message_box).to_be_hidden()


# --- A5: what a proof is bound to ---


def proofs_of(tap: Wiretap) -> list[tuple[dict[str, Any], dict[str, Any], Exchange]]:
    """Each prelogin answer with the proof that followed."""
    asked = [json.loads(each.answer) for each in tap.requests("POST", PRELOGIN)]
    given = tap.requests("POST", LOGIN)
    return [(prelogin, json.loads(each.request), each) for prelogin, each in zip(asked, given, strict=True)]


def transcript_of(prelogin: dict[str, Any], proof: dict[str, Any], login: str, **changes: Any) -> bytes:
    """T as protocol section 5 has it, from values of the wire."""
    fields: dict[str, Any] = {
        "action": AuthAction.LOGIN,
        "login": login,
        "user_id": UUID(prelogin["user_id"]),
        "challenge_id": UUID(prelogin["challenge_id"]),
        "challenge": decode_b64u(prelogin["challenge"]),
        "client_nonce": decode_b64u(proof["client_nonce"]),
        "kdf": prelogin["kdf"],
        "iterations": prelogin["n"],
        "salt": decode_b64u(prelogin["salt"]),
    }
    return AuthTranscript(**{**fields, **changes}).serialize()


def test_a_proof_is_bound_to_all_it_speaks_of_and_counts_once(
    door: Person, calls: Calls, registration: dict[str, Any], wiretap: Wiretap
) -> None:
    door.sign_in()
    expect(door.message_box).to_be_visible()
    assert "deriveBits PBKDF2" in calls.taken(), "derivations are captured"
    ((prelogin, proof, sent),) = proofs_of(wiretap)
    login_key = Ed25519PublicKey.from_public_bytes(decode_b64u(registration["login_pub"]))
    signature = decode_b64u(proof["proof"])
    true = {"login": door.login, "origin": wiretap.origin}
    login_key.verify(signature, transcript_of(prelogin, proof, **true))
    others: list[dict[str, Any]] = [
        {"origin": "https://evil.example"},
        {"login": "bob"},
        {"user_id": UUID(int=5)},
        {"challenge": bytes(32)},
        {"challenge_id": UUID(int=5)},
        {"client_nonce": bytes(32)},
        {"iterations": 600_001},
        {"salt": bytes(32)},
        {"action": AuthAction.DELETE_ACCOUNT, "body": b""},
    ]
    for other in others:
        with pytest.raises(InvalidSignature):
            login_key.verify(signature, transcript_of(prelogin, proof, **{**true, **other}))
    again = httpx.post(f"{wiretap.origin}{LOGIN}", content=sent.request, headers=_headers(sent), trust_env=False)
    assert again.status_code == 401


def _headers(sent: Exchange) -> dict[str, str]:
    found = dict(re.findall(r"\('([\w-]+)', '((?:[^'\\]|\\.)*)'\)", sent.request_headers))
    return {
        name: found[name] for name in ("cookie", "origin", "x-csrftoken", "content-type", "referer") if name in found
    }


def test_a_repeated_challenge_gets_another_proof_each_time(door: Person, wiretap: Wiretap, watch: Watch) -> None:
    watch.expect("401")
    kept: list[Any] = []

    def repeat(answer: Any) -> Any:
        kept.append(answer)
        return {**answer, "challenge": kept[0]["challenge"], "challenge_id": kept[0]["challenge_id"]}

    lie = wiretap.lie("POST", PRELOGIN, repeat)
    door.sign_in(password="not-her-password-at-all-1")
    expect(door.alert).to_contain_text("Login name or password is wrong.")
    try_to_sign_in(door, "Login name or password is wrong.")
    proofs = [json.loads(each.request) for each in wiretap.requests("POST", LOGIN)]
    assert lie.used == 2
    assert len({proof["client_nonce"] for proof in proofs}) == 2
    assert len({proof["proof"] for proof in proofs}) == 2


# --- A1, A2: the derivation ---

WEAK: dict[str, Lie] = {
    **{f"n-{n}": setting("n", n) for n in (0, 1, 5_000, 100_000, 599_999, 5_000_001, 2**31, 2**53 - 1)},
    "alg-none": setting("kdf", "none"),
    "alg-sha1": setting("kdf", "PBKDF2-SHA1"),
    "salt-empty": setting("salt", ""),
    "salt-16": setting("salt", encode_b64u(bytes(16))),
    "salt-31": setting("salt", cut_to(31)),
    "salt-33": setting("salt", encode_b64u(bytes(33))),
}


@pytest.mark.parametrize("name", WEAK)
def test_a_derivation_outside_the_policy_is_never_begun(
    name: str, door: Person, calls: Calls, wiretap: Wiretap, evidence: Evidence
) -> None:
    lie = wiretap.lie("POST", PRELOGIN, WEAK[name])
    try_to_sign_in(door, WEAKER)
    assert calls.taken() == []
    evidence.verify_refused(lie)


# --- A42: answers without the form of the interface ---

GARBAGE: dict[str, Lie] = {
    "not-json": constant(b"<html>nginx</html>"),
    "empty": constant(b""),
    "half": constant(b'{"n": 600'),
    "deep": constant(b"[" * 50_000),
    "a-list": constant([]),
    "null": constant(None),
    "negative-n": setting("n", -1),
    "fractional-n": setting("n", 600000.5),
    "text-n": setting("n", "600000"),
    "true-n": setting("n", value=True),
    "infinite-n": setting("n", float("inf")),
    "padded-salt": setting("salt", lambda salt: salt + "="),
    "short-challenge": setting("challenge", cut_to(31)),
    "no-user": setting("user_id", MISSING),
    "shouted-user": setting("user_id", "AAAAAAAA-0000-4000-8000-000000000000"),
    "half-a-character": setting("kdf", "\ud800"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_place_of_terms_derives_nothing(
    name: str, door: Person, calls: Calls, wiretap: Wiretap, evidence: Evidence
) -> None:
    lie = wiretap.lie("POST", PRELOGIN, GARBAGE[name])
    try_to_sign_in(door, "The server")
    assert calls.taken() == []
    evidence.verify_refused(lie)


# --- A16, A17: the keys ---

WITHHELD: dict[str, Lie] = {
    **{
        f"{kind}-{field}": setting(f"records.{field}", value)
        for field in ("mek_env", "idk_env", "rsa_env", "bundle", "keyring")
        for kind, value in (("null", None), ("no", MISSING), ("empty", ""))
    },
    "null-records": setting("records", None),
    "no-state": setting("state", "none"),
}


@pytest.mark.parametrize("name", WITHHELD)
def test_a_missing_key_is_an_error_and_never_made_anew(
    name: str, door: Person, calls: Calls, wiretap: Wiretap, evidence: Evidence
) -> None:
    lie = wiretap.lie("POST", LOGIN, WITHHELD[name])
    alarm = NOT_YOUR_KEYS if name.startswith("empty-") and name.endswith("_env") else NO_FORM
    try_to_sign_in(door, alarm)
    assert not [call for call in calls.taken() if call.startswith("generateKey")]
    evidence.verify_refused(lie)


def another_bundle(bundle: dict[str, str]) -> dict[str, str]:
    """A statement of another label in place of the bundle, with its signature kept."""
    return {**bundle, "statement": flipped(10)(bundle["statement"])}


REPLACED: dict[str, tuple[Lie, str]] = {
    "another-user": (setting("user_id", "00000000-0000-4000-8000-000000000000"), NOT_YOUR_KEYS),
    "another-login": (setting("login", "mallory"), NOT_YOUR_KEYS),
    "other-n": (setting("records.n", 600_001), NOT_YOUR_KEYS),
    "other-salt": (setting("records.salt", flipped(0)), NOT_YOUR_KEYS),
    "other-version": (setting("records.mek_ver", 2), NOT_YOUR_KEYS),
    "idk-for-mek": (lambda answer: _copied(answer, "idk_env", "mek_env"), NOT_YOUR_KEYS),
    "mek-for-idk": (lambda answer: _copied(answer, "mek_env", "idk_env"), NOT_YOUR_KEYS),
    "idk-for-rsa": (lambda answer: _copied(answer, "idk_env", "rsa_env"), NOT_YOUR_KEYS),
    "other-bundle": (setting("records.bundle", another_bundle), NOT_YOUR_KEYS),
    "unsigned-bundle": (setting("records.bundle.signature", flipped(0)), NOT_YOUR_KEYS),
    "older-keyring": (setting("records.keyring.version", lambda version: version - 1 or 9), NO_KEYRING),
    "damaged-keyring": (setting("records.keyring.envelope", flipped(-1)), NO_KEYRING),
}


def _copied(answer: Any, source: str, target: str) -> Any:
    return {**answer, "records": {**answer["records"], target: answer["records"][source]}}


@pytest.mark.parametrize("name", REPLACED)
def test_keys_of_another_place_are_refused(
    name: str, door: Person, calls: Calls, wiretap: Wiretap, evidence: Evidence
) -> None:
    rewrite, alarm = REPLACED[name]
    lie = wiretap.lie("POST", LOGIN, rewrite)
    try_to_sign_in(door, alarm)
    assert not [call for call in calls.taken() if call.startswith("generateKey")]
    evidence.verify_refused(lie)


# --- A15, A18, A20: one failure for every reason ---

DAMAGE: dict[str, Any] = {
    "magic": flipped(0),
    "version-0": overwritten(3, 0),
    "suite-0": overwritten(4, 0),
    "suite-2": overwritten(4, 2),
    "kind": overwritten(5, 4),
    "flags": overwritten(7, 1),
    "kid": flipped(8),
    "salt": flipped(24),
    "commitment": flipped(56),
    "ciphertext": flipped(88),
    "tag": flipped(-1),
    "short": cut_to(103),
}


def test_all_damage_to_a_key_looks_and_sounds_the_same(door: Person, wiretap: Wiretap, evidence: Evidence) -> None:
    outcomes = set()
    for damage in DAMAGE.values():
        wiretap.forget()
        lie = wiretap.lie("POST", LOGIN, setting("records.mek_env", damage))
        try_to_sign_in(door, NOT_YOUR_KEYS)
        evidence.verify_refused(lie)
        trace = tuple(each.path for each in wiretap.since(lie))
        outcomes.add((door.alert.inner_text(), trace))
    assert len(outcomes) == 1
    ((_, trace),) = outcomes
    assert trace == (), "no request tells the server how far it came"
