"""Who is in a conversation: the signed chain followed from its beginning (docs/protocol.md section 7).

Pure. The signatures of the entries are verified by whoever calls (`grants`), in one batch.
"""

from collections.abc import Sequence
from uuid import UUID

from balon.protocol.errors import StatementError
from balon.protocol.roster import Member, RosterState, apply_entry, create_roster
from balon.protocol.statements import RosterEntry
from balon.protocol.types import PublicKey
from balon_client.alarms import ConversationError, ConversationRollbackError
from balon_client.keyring_model import Mark
from balon_client.records import ConversationRecord, Signed


def parse_entries(record: ConversationRecord) -> list[RosterEntry]:
    """Reads the entries of a record.

    Raises:
        ConversationError: There is none, or one is no roster entry of this conversation.
    """
    try:
        entries = [RosterEntry.parse(signed.statement) for signed in record.roster]
    except StatementError:
        raise ConversationError from None
    if not entries or any(entry.conversation_id != record.id for entry in entries):
        raise ConversationError
    return entries


def follow_entries(entries: Sequence[RosterEntry], owner: Member) -> list[RosterState]:
    """Follows a chain from its creation.

    Args:
        entries: The parsed entries.
        owner: The creator, with keys that the caller trusts: one's own.

    Returns:
        The state after each entry.

    Raises:
        ConversationError: An entry does not follow from those before it.
    """
    try:
        states = [create_roster(entries[0], owner)]
        for entry in entries[1:]:
            states.append(apply_entry(states[-1], entry))
    except StatementError:
        raise ConversationError from None
    return states


def signed_entries(
    roster: Sequence[Signed], entries: Sequence[RosterEntry], states: Sequence[RosterState]
) -> list[tuple[PublicKey, Signed]]:
    """Each entry with the key that must have signed it: its actor's, as the roster had it before the entry.

    Raises:
        ConversationError: An actor was no member.
    """
    before = [states[0], *states]
    return [
        (identity_of(state, entry.actor_id), signed)
        for signed, entry, state in zip(roster, entries, before, strict=False)
    ]


def identity_of(state: RosterState, user_id: UUID) -> PublicKey:
    """The identity key of a member.

    Raises:
        ConversationError: The person is no member.
    """
    member = state.members.get(user_id)
    if member is None:
        raise ConversationError
    return PublicKey(member.idk_pub)


def verify_not_older(entries: Sequence[RosterEntry], seen: Mark | None) -> None:
    """Compares a chain with the newest entry that was seen of it (A14).

    Raises:
        ConversationRollbackError: It ends before that entry, or has another one in its place.
    """
    if seen is None:
        return
    if seen.seq >= len(entries) or entries[seen.seq].hash != seen.hash:
        raise ConversationRollbackError
