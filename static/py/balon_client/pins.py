"""Whose keys: the identity keys of others that the keyring pins, and how they change (docs/protocol.md section 7).

A key is pinned on first use, when a roster that holds shows it; it is replaced only when this person says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from balon.protocol.types import PublicKey
from balon_client.account import Account
from balon_client.alarms import ConversationError
from balon_client.keyring_model import Change, Contact, KeyringContent
from balon_client.rosters import FollowedRoster


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


# --- Judging rosters ---


def changed_keys(roster: FollowedRoster, content: KeyringContent, own_id: UUID) -> dict[UUID, tuple[PublicKey, ...]]:
    """People whose keys on a roster this person did not accept, with all their keys there, oldest first.

    Every key that anybody ever had on it must be pinned, or accepted before; and who is on it now must have the pinned
    one there, or the server hides that they replaced it. Whoever is not pinned yet is seen for the first time.
    """
    return {
        user_id: keys
        for user_id, keys in roster.keys.items()
        if user_id != own_id
        and not _is_accepted(content.contacts.get(user_id), keys, is_member=user_id in roster.state.members)
    }


def _is_accepted(contact: Contact | None, keys: Sequence[PublicKey], *, is_member: bool) -> bool:
    if contact is None:
        return True
    return accepted_keys(contact) >= set(keys) and (not is_member or keys[-1] == contact.idk_pub)


def new_people(roster: FollowedRoster, content: KeyringContent, own_id: UUID) -> dict[UUID, tuple[PublicKey, ...]]:
    """People of a roster who are not pinned yet, with their keys there, oldest first."""
    unknown = roster.keys.keys() - content.contacts.keys() - {own_id}
    return {user_id: keys for user_id, keys in roster.keys.items() if user_id in unknown}


def verify_own_keys(roster: FollowedRoster, account: Account, content: KeyringContent) -> None:
    """One's own keys on a roster must be one's own, now or formerly, and the present ones on its newest state.

    Raises:
        ConversationError: They are not: somebody made up what this person is said to have signed.
    """
    bundle = account.bundle
    member = roster.state.members.get(bundle.user_id)
    if member is not None and (member.idk_pub, member.rsa_kid) != (bundle.idk_pub, bundle.rsa_kid):
        raise ConversationError
    if not {bundle.idk_pub, *content.identities} >= set(roster.keys.get(bundle.user_id, ())):
        raise ConversationError


def known_name(content: KeyringContent, user_id: UUID) -> str:
    """The login name of a contact; words for one whose bundle was never seen."""
    contact = content.contacts.get(user_id)
    return contact.login if contact and contact.login else "somebody you know"
