"""The kit's code and credential: told apart, read as people type them, refused when damaged (section 6; A32, A42)."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon.protocol.encoding import decode_b64u, encode_b64u, encode_context
from balon.protocol.errors import DamagedRecoveryKitError, RecoveryKitError
from balon.protocol.recovery import (
    CREDENTIAL_PREFIX,
    decode_recovery_code,
    encode_recovery_code,
    parse_credential,
    serialize_credential,
)
from tests.protocol.kat import KAT

CODE = KAT["recovery"]["recovery_code"]
CREDENTIAL = KAT["recovery"]["credential"]
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def checked(kit: bytes) -> str:
    """A credential with a checksum that fits whatever it holds."""
    return CREDENTIAL_PREFIX + encode_b64u(kit + hashlib.sha256(kit).digest()[:4])


@given(st.binary(min_size=32, max_size=32))
def test_a_code_reads_back(code):
    text = encode_recovery_code(code)
    assert len(text) == 54 + 13
    assert decode_recovery_code(text) == code


@pytest.mark.parametrize(
    "typed",
    [
        CODE.lower(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        CODE.replace("-", "\r\n"),
        f"\t{CODE}\n",
        CODE.replace("0", "O").replace("1", "I"),
        CODE.replace("0", "o").replace("1", "l"),
    ],
)
def test_a_code_reads_as_people_type_it(typed):
    assert decode_recovery_code(typed) == decode_recovery_code(CODE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        CODE[:-1],
        CODE + "0",
        CODE[1:],
        CODE.replace("C", "U", 1),
        CODE.replace("C", "!", 1),
        CREDENTIAL,
        CREDENTIAL[:67],
        CREDENTIAL_PREFIX,
    ],
    ids=["empty", "dash", "cut", "long", "cut in front", "U", "sign", "credential", "part", "prefix"],
)
def test_what_is_no_code_is_said_to_be_none(text):
    with pytest.raises(RecoveryKitError, match="54 letters") as caught:
        decode_recovery_code(text)
    assert not isinstance(caught.value, DamagedRecoveryKitError)


def test_nearly_every_slip_of_one_character_is_noticed():
    """Ten bits of check: one slip in a thousand may pass, and then opens nothing."""
    passed = slips = 0
    compact = CODE.replace("-", "")
    for position, right in enumerate(compact):
        for wrong in ALPHABET.replace(right, ""):
            slips += 1
            try:
                decode_recovery_code(compact[:position] + wrong + compact[position + 1 :])
            except DamagedRecoveryKitError:
                continue
            passed += 1
    assert slips == 54 * 31
    assert passed <= 6


@pytest.mark.parametrize("position", [0, 1, 26, 52, 53])
def test_a_mistyped_code_is_said_to_be_damaged(position):
    compact = CODE.replace("-", "")
    wrong = "Z" if compact[position] != "Z" else "Y"
    with pytest.raises(DamagedRecoveryKitError, match="check characters"):
        decode_recovery_code(compact[:position] + wrong + compact[position + 1 :])


def test_a_code_has_one_form_only():
    """The last four bits of the 52nd character encode nothing and must be zero."""
    compact = CODE.replace("-", "")
    for wrong in range(1, 16):
        last = ALPHABET[ALPHABET.index(compact[51]) | wrong]
        with pytest.raises(DamagedRecoveryKitError):
            decode_recovery_code(compact[:51] + last + compact[52:])


def test_a_credential_reads_back_with_the_white_space_of_mail():
    broken = "\n".join(CREDENTIAL[start : start + 76] for start in range(0, len(CREDENTIAL), 76))
    assert parse_credential(f"  {broken}\r\n") == parse_credential(CREDENTIAL)
    assert serialize_credential(parse_credential(CREDENTIAL)) == CREDENTIAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        CODE,
        CREDENTIAL.lower(),
        CREDENTIAL.replace("-1.", "-2."),
        CREDENTIAL[1:],
        CREDENTIAL.removeprefix(CREDENTIAL_PREFIX),
    ],
    ids=["empty", "code", "lower case", "version 2", "cut in front", "no prefix"],
)
def test_what_is_no_credential_is_said_to_be_none(text):
    with pytest.raises(RecoveryKitError, match="no Balon recovery credential") as caught:
        parse_credential(text)
    assert not isinstance(caught.value, DamagedRecoveryKitError)


def test_every_credential_that_was_cut_is_said_to_be_damaged():
    for size in range(len(CREDENTIAL_PREFIX), len(CREDENTIAL), 7):
        with pytest.raises(DamagedRecoveryKitError):
            parse_credential(CREDENTIAL[:size])


def test_every_credential_with_a_changed_character_is_said_to_be_damaged():
    for position in range(len(CREDENTIAL_PREFIX), len(CREDENTIAL), 11):
        wrong = "A" if CREDENTIAL[position] != "A" else "B"
        with pytest.raises(DamagedRecoveryKitError):
            parse_credential(CREDENTIAL[:position] + wrong + CREDENTIAL[position + 1 :])


@pytest.mark.parametrize("text", ["=", "A", "====", "é", "*"])
def test_a_credential_that_is_no_base64url_is_said_to_be_damaged(text):
    with pytest.raises(DamagedRecoveryKitError):
        parse_credential(CREDENTIAL + text)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("rec_salt", bytes(31), "wrong size"),
        ("rec_salt", b"", "wrong size"),
        ("idk_pub", bytes(33), "wrong size"),
        ("rec_env", b"", "no sealed keys"),
        ("rec_env", b"BLN\x01\x01\x01\x00\x00" + bytes(200), "no sealed keys"),
    ],
)
def test_a_well_formed_credential_with_impossible_fields_is_refused(field, value, reason):
    made = serialize_credential(replace(parse_credential(CREDENTIAL), **{field: value}))
    with pytest.raises(RecoveryKitError, match=reason):
        parse_credential(made)


def test_a_checksum_that_fits_makes_no_credential_of_another_statement():
    for kit in (b"", encode_context("kit"), encode_context("grant", b"x"), encode_context("kit", *[b""] * 7)):
        with pytest.raises(DamagedRecoveryKitError):
            parse_credential(checked(kit))


@given(st.data())
def test_whatever_parses_as_a_credential_is_its_one_serialization(data):
    """With a checksum that fits, so that the parser behind it is reached."""
    kit = decode_b64u(CREDENTIAL.removeprefix(CREDENTIAL_PREFIX))[:-4]
    start = data.draw(st.integers(0, len(kit)))
    end = data.draw(st.integers(start, min(len(kit), start + 40)))
    text = checked(kit[:start] + data.draw(st.binary(max_size=40)) + kit[end:])
    try:
        credential = parse_credential(text)
    except RecoveryKitError:
        return
    assert serialize_credential(credential) == text


@given(st.text(max_size=200), st.booleans())
def test_noise_is_refused_with_the_errors_of_kits(noise, prefixed):
    with pytest.raises(RecoveryKitError):
        parse_credential(CREDENTIAL_PREFIX + noise if prefixed else noise)
    with pytest.raises(RecoveryKitError):
        decode_recovery_code(noise)
