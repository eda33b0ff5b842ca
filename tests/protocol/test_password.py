"""Login names, passwords and the policy of their derivation (section 2; A1, A2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.errors import EncodingError, PasswordPolicyError
from balon.protocol.password import (
    encode_password,
    hash_password_salt,
    normalize_login,
    verify_kdf_policy,
)
from tests.protocol.kat import LOGIN, SALT

POLICY = {"algorithm": "PBKDF2-SHA256", "iterations": 600_000, "salt": SALT}


@pytest.mark.parametrize("raw", ["Alice@Example.org", "  alice@example.org\n", "ALICE@EXAMPLE.ORG"])
def test_a_login_is_stripped_and_lower_case(raw):
    assert normalize_login(raw) == LOGIN


@pytest.mark.parametrize("login", ["abc", "a" * 254, "a.b_c+d@e-f", "000"])
def test_a_login_within_the_rule_passes(login):
    assert normalize_login(login) == login


@pytest.mark.parametrize(
    "raw",
    ["", "ab", "a" * 255, "a b c", "alice\nbob", "älice", "alice\u0000", "аlice", "al/ice", "İstanbul", "abc\u200b"],  # noqa: RUF001 - a Cyrillic letter is the point
    ids=repr,
)
def test_a_login_outside_the_rule_is_refused(raw):
    with pytest.raises(PasswordPolicyError, match="login name"):
        normalize_login(raw)


@given(st.text())
def test_a_normalized_login_stays_as_it_is(raw):
    try:
        login = normalize_login(raw)
    except PasswordPolicyError:
        return
    assert normalize_login(login) == login


def test_a_password_is_in_compatibility_form():
    assert encode_password("\ufb01 e\u0301") == "fi é".encode()


@pytest.mark.parametrize("password", ["", "x" * 1025, "é" * 513])
def test_a_password_has_1_to_1024_bytes(password):
    with pytest.raises(PasswordPolicyError, match="1 to 1024"):
        encode_password(password)
    assert len(encode_password("x" * 1024)) == 1024


def test_a_password_with_a_lone_surrogate_is_refused():
    with pytest.raises(EncodingError):
        encode_password("\ud800")


@pytest.mark.parametrize("iterations", [600_000, 1_000_000, 5_000_000])
def test_iterations_within_the_policy_pass(iterations):
    verify_kdf_policy(**POLICY | {"iterations": iterations})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("iterations", value, "iterations") for value in (-1, 0, 1, 5_000, 100_000, 599_999, 5_000_001, 2**31, 2**64)]
    + [("iterations", value, "iterations") for value in (None, "600000", 600_000.0, True, [600_000])]
    + [
        ("algorithm", value, "algorithm")
        for value in (None, "", "none", "pbkdf2-sha256", "PBKDF2-SHA1", "PBKDF2-SHA256 ")
    ]
    + [
        ("salt", value, "salt")
        for value in (None, b"", SALT[:16], SALT + b"x", bytes(32), b"\xff" * 32, SALT.hex(), bytearray(SALT))
    ],
    ids=repr,
)
def test_parameters_outside_the_policy_are_refused(field, value, reason):
    with pytest.raises(PasswordPolicyError, match=reason):
        verify_kdf_policy(**POLICY | {field: value})


def test_the_salt_of_the_derivation_is_bound_to_the_login():
    """One salt for two people gives each a derivation of their own (A2)."""
    assert hash_password_salt("alice", SALT) != hash_password_salt("alicf", SALT)
    assert hash_password_salt("alice", SALT) != hash_password_salt("alice", SALT[::-1])
