"""Whose keys: the identity keys of others that the keyring pins, and how they change (docs/protocol.md section 7).

A key is pinned on first use, when a roster that holds shows it; it is replaced only when this person says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from balon.protocol.types import PublicKey
from balon_client.keyring_model import Change, Contact, KeyringContent


def accepted_keys(contact: Contact) -> frozenset[PublicKey]:
    """The keys of a contact that this person trusts: the pinned one, and those accepted before it."""
    return frozenset({contact.idk_pub, *contact.former})


def pin_contact(user_id: UUID, keys: Sequence[PublicKey], now_ms: int, login: str | None = None) -> Change:
    """Pins a person on first use. Whoever is pinned already stays as they are, also by another device.

    Args:
        user_id: Whom.
        keys: Their identity keys as a verified roster shows them, oldest first: the last one is pinned.
        now_ms: When they were first seen.
        login: As their verified bundle states it.
    """

    def change(content: KeyringContent) -> bool:
        if user_id in content.contacts:
            return False
        former = _without(keys[:-1], keys[-1])
        content.contacts[user_id] = Contact(keys[-1], first_seen_ms=now_ms, login=login, former=former)
        return True

    return change


def accept_keys(user_id: UUID, keys: Sequence[PublicKey], now_ms: int) -> Change:
    """Goes on with other keys of a contact, since this person said so. They are not verified then.

    Args:
        user_id: Whose.
        keys: As a verified roster shows them, oldest first: the last one is pinned, the others count as former ones.
        now_ms: When, for somebody who was no contact.
    """

    def change(content: KeyringContent) -> bool:
        before = content.contacts.get(user_id)
        if before is None:
            return pin_contact(user_id, keys, now_ms)(content)
        if accepted_keys(before) >= set(keys) and before.idk_pub == keys[-1]:
            return False
        former = _without([*before.former, before.idk_pub, *keys[:-1]], keys[-1])
        content.contacts[user_id] = replace(before, idk_pub=keys[-1], former=former, verified_ms=None)
        return True

    return change


def verify_contact(user_id: UUID, idk_pub: PublicKey, verified_ms: int | None) -> Change:
    """Notes that this person compared safety numbers, or takes that back.

    Args:
        user_id: Whose.
        idk_pub: The key whose number was compared: another one is not verified by it.
        verified_ms: When; None takes it back.
    """

    def change(content: KeyringContent) -> bool:
        before = content.contacts.get(user_id)
        if before is None or before.idk_pub != idk_pub or (before.verified_ms is None) == (verified_ms is None):
            return False
        content.contacts[user_id] = replace(before, verified_ms=verified_ms)
        return True

    return change


def note_login(user_id: UUID, idk_pub: PublicKey, login: str) -> Change:
    """Notes the login name that a contact's bundle states, if it is signed by the pinned key."""

    def change(content: KeyringContent) -> bool:
        before = content.contacts.get(user_id)
        if before is None or before.idk_pub != idk_pub or before.login == login:
            return False
        content.contacts[user_id] = replace(before, login=login)
        return True

    return change


def _without(keys: Iterable[PublicKey], current: PublicKey) -> tuple[PublicKey, ...]:
    """Each key once, in order, but for the current one."""
    return tuple(dict.fromkeys(key for key in keys if key != current))
