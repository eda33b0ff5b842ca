"""One ciphertext for two keys: plain AES-GCM opens it under both, Balon's envelope under one (section 3; A20)."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from balon.protocol.envelope import (
    Kind,
    encode_aad,
    encode_content_key_info,
    encode_iv_commit_info,
    parse_envelope,
)
from balon_client.errors import DecryptionError
from tests.client.doubles.envelopes import hkdf, key_id, open_envelope
from tests.protocol.salamander import build_salamander

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
CONTEXT = b"a context"
KINDS = [Kind.STREAM, Kind.MEK, Kind.PREV]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def salamander(request):
    return request.param, build_salamander(FIRST, SECOND, request.param, CONTEXT)


def decrypt_alone(root, kind, envelope):
    """AES-256-GCM under the key and nonce that `root` derives, without looking at kid or commitment."""
    parts = parse_envelope(kind, envelope)
    key = hkdf(root, parts.salt, encode_content_key_info(kind))
    nonce = hkdf(root, parts.salt, encode_iv_commit_info(kind, CONTEXT), 44)[:12]
    return AESGCM(key).decrypt(nonce, parts.ciphertext, encode_aad(parts.header, parts.commit, CONTEXT))


def test_its_gcm_part_opens_under_both_keys_and_no_third(salamander):
    kind, envelope = salamander
    assert decrypt_alone(FIRST, kind, envelope) != decrypt_alone(SECOND, kind, envelope)
    with pytest.raises(InvalidTag):
        decrypt_alone(bytes(32), kind, envelope)


def test_the_envelope_opens_under_the_first_key_only(salamander):
    kind, envelope = salamander
    assert open_envelope(FIRST, kind, CONTEXT, envelope) == decrypt_alone(FIRST, kind, envelope)
    with pytest.raises(DecryptionError):
        open_envelope(SECOND, kind, CONTEXT, envelope)


@pytest.mark.parametrize("check", ["kid", "commit"])
def test_key_id_and_commitment_each_stop_it_alone(salamander, check):
    kind, envelope = salamander
    with pytest.raises(DecryptionError):
        open_envelope(SECOND, kind, CONTEXT, envelope, checks=frozenset({check}))


def test_without_either_it_would_open(salamander):
    """Shows that the two checks are what stops it, not the construction of this test."""
    kind, envelope = salamander
    opened = open_envelope(SECOND, kind, CONTEXT, envelope, checks=frozenset())
    assert opened == decrypt_alone(SECOND, kind, envelope)


def test_writing_the_second_key_id_into_it_does_not_help(salamander):
    kind, envelope = salamander
    changed = envelope[:8] + key_id(SECOND) + envelope[24:]
    for root in (FIRST, SECOND):
        with pytest.raises(DecryptionError):
            open_envelope(root, kind, CONTEXT, changed)
