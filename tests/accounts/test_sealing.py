"""What rests sealed under the installation keys, and how these rotate."""

import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet

from accounts.errors import InstallationKeyError
from accounts.models import Sentinel, SignInRecord
from accounts.sealing import open_at_rest, seal_at_rest
from accounts.selectors import place_of, verify_installation_key
from accounts.services import plant_sentinel
from balon.protocol.encoding import encode_b64u
from tests.browsers import Browser
from tests.keys import public_bytes

PLACE = place_of("salt", uuid.UUID(int=1))


def new_key() -> str:
    return Fernet.generate_key().decode()


def test_opens_what_it_sealed():
    assert open_at_rest(seal_at_rest(b"salt", place=PLACE), place=PLACE) == b"salt"


def test_refuses_a_value_that_was_moved():
    token = seal_at_rest(b"salt", place=PLACE)
    for place in (place_of("salt", uuid.UUID(int=2)), place_of("mek_env", uuid.UUID(int=1)), b""):
        with pytest.raises(InstallationKeyError):
            open_at_rest(token, place=place)


def test_refuses_every_flipped_byte():
    token = seal_at_rest(b"salt", place=PLACE)
    for index in range(len(token)):
        with pytest.raises(InstallationKeyError):
            open_at_rest(token[:index] + bytes([token[index] ^ 1]) + token[index + 1 :], place=PLACE)


def test_keys_rotate(settings: Any):
    old, new = new_key(), new_key()
    settings.BALON_INSTALLATION_KEYS = [old]
    sealed_before = seal_at_rest(b"salt", place=PLACE)
    settings.BALON_INSTALLATION_KEYS = [new, old]
    sealed_after = seal_at_rest(b"salt", place=PLACE)
    assert open_at_rest(sealed_before, place=PLACE) == b"salt"
    settings.BALON_INSTALLATION_KEYS = [new]
    assert open_at_rest(sealed_after, place=PLACE) == b"salt"
    with pytest.raises(InstallationKeyError):
        open_at_rest(sealed_before, place=PLACE)


@pytest.mark.django_db
def test_the_record_holds_nothing_to_guess_against(alice: Browser):
    row = SignInRecord.objects.get()
    stored = {name: bytes(getattr(row, f"{name}_sealed")) for name in ("login_pub", "salt", "mek_env")}
    for name, plain in {"login_pub": public_bytes(alice.keys.login_key), "salt": alice.keys.salt}.items():
        assert plain not in stored[name]
        assert encode_b64u(plain).encode() not in stored[name]
        assert open_at_rest(stored[name], place=place_of(name, alice.keys.user_id)) == plain


@pytest.mark.django_db
def test_a_record_moved_to_another_account_does_not_open(alice: Browser, bob: Browser):
    mine, theirs = SignInRecord.objects.get(pk=alice.keys.user_id), SignInRecord.objects.get(pk=bob.keys.user_id)
    SignInRecord.objects.filter(pk=mine.pk).update(
        login_pub_sealed=theirs.login_pub_sealed, salt_sealed=theirs.salt_sealed
    )
    with pytest.raises(InstallationKeyError):
        alice.prelogin()


@pytest.mark.django_db
def test_a_migrated_database_holds_one_sentinel():
    verify_installation_key()
    plant_sentinel()
    assert Sentinel.objects.count() == 1


@pytest.mark.django_db
def test_the_sentinel_does_not_open_under_other_keys(settings: Any):
    settings.BALON_INSTALLATION_KEYS = [new_key()]
    with pytest.raises(InstallationKeyError):
        verify_installation_key()
