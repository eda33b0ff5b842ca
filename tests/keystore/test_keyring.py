"""The keyring changes by compare-and-swap, and is nobody else's."""

import threading
from typing import Any

import pytest
from django.db import connections

from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from keystore.models import Keyring
from tests.browsers import Browser
from tests.keys import envelope

pytestmark = pytest.mark.django_db


def keyring(version: Any, size: int = 256, kind: Kind = Kind.KEYRING) -> dict[str, Any]:
    return {"version": version, "envelope": encode_b64u(envelope(kind, size))}


def test_brings_the_newest(alice: Browser):
    second = keyring(2)
    assert alice.get("keys/keyring").json()["version"] == 1
    answer = alice.put("keys/keyring", second)
    assert (answer.status_code, answer.json()) == (200, {"version": 2})
    assert alice.get("keys/keyring").json() == second


def test_the_same_bytes_again_are_no_conflict(alice: Browser):
    second = keyring(2)
    assert [alice.put("keys/keyring", second).status_code for _ in range(2)] == [200, 200]
    assert alice.get("keys/keyring").json() == second


@pytest.mark.parametrize("version", [1, 3, 2**53 - 1])
def test_refuses_any_but_the_next_version(alice: Browser, version: int):
    before = alice.get("keys/keyring").json()
    answer = alice.put("keys/keyring", keyring(version))
    assert (answer.status_code, answer.json()["code"]) == (409, "version-conflict")
    assert alice.get("keys/keyring").json() == before


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_at_once_one_wins(alice: Browser):
    tabs = [Browser(alice.keys) for _ in range(4)]
    for tab in tabs:
        tab.sign_in()
    start, statuses = threading.Barrier(4), []

    def put(tab: Browser) -> None:
        start.wait(timeout=20)
        try:
            statuses.append(tab.put("keys/keyring", keyring(2)).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=put, args=(tab,)) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(statuses) == [200, 409, 409, 409]


def test_everyone_has_their_own(alice: Browser, bob: Browser):
    alice.put("keys/keyring", keyring(2))
    assert bob.get("keys/keyring").json()["version"] == 1
    assert Keyring.objects.get(pk=bob.keys.user_id).version == 1


BAD: dict[str, Any] = {
    "an envelope of another kind": keyring(2, kind=Kind.META),
    "padding that is none": keyring(2, size=255),
    "nothing inside": keyring(2, size=0),
    "too much inside": keyring(2, size=512 * 1024 + 256),
    "version 0": keyring(0),
    "a version as text": keyring("2"),
    "a version as float": keyring(2.0),
    "a version beyond JavaScript": keyring(2**53),
    "no envelope": {"version": 2},
    "null": None,
    "a list": [],
    "an unknown member": {**keyring(2), "plaintext": "x"},
}


@pytest.mark.parametrize("case", BAD)
def test_refuses(alice: Browser, case: str):
    answer = alice.put("keys/keyring", BAD[case])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert Keyring.objects.get().version == 1
