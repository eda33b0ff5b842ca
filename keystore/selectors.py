"""Reads of key records. Each takes the requester, or a conversation that the caller authorised."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from balon.protocol import statements
from balon.protocol.roster import Role, RosterOp
from keystore.errors import UnknownUserError
from keystore.models import Grant, KeyBundle, Keyring, Membership, PreviousKey, RosterEntry

READERS = frozenset({Role.OWNER, Role.MEMBER, Role.READER})
"""Who reads what is in a conversation: everyone on its roster but the invited."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one member may do, and the identity key that their statements are judged by (32 bytes)."""

    role: Role
    idk_pub: bytes


def get_bundle(user_id: UUID) -> KeyBundle:
    """One's own bundle, or that of a person whom the caller authorised.

    Raises:
        UnknownUserError: The user has no keys.
    """
    bundle = KeyBundle.objects.filter(pk=user_id).first()
    if bundle is None:
        raise UnknownUserError
    return bundle


def get_visible_bundle(*, requester_id: UUID, user_id: UUID) -> KeyBundle:
    """The bundle of oneself or of a person with whom the requester shares a conversation.

    Raises:
        UnknownUserError: Anyone else.
    """
    if requester_id != user_id and not share_conversation(requester_id, user_id).exists():
        raise UnknownUserError
    return get_bundle(user_id)


def share_conversation(first: UUID, second: UUID) -> QuerySet[Membership]:
    """The second person's memberships in conversations of the first."""
    mine = Membership.objects.filter(user_id=first).values("conversation_id")
    return Membership.objects.filter(user_id=second, conversation_id__in=mine)


def get_keyring(user_id: UUID) -> Keyring:
    """One's own keyring.

    Raises:
        UnknownUserError: The user has none.
    """
    keyring = Keyring.objects.filter(pk=user_id).first()
    if keyring is None:
        raise UnknownUserError
    return keyring


def find_standing(*, user_id: UUID, conversation_id: UUID) -> Standing | None:
    """What a person is in a conversation; None for a stranger. The root of every authorisation."""
    row = (
        Membership.objects.filter(user_id=user_id, conversation_id=conversation_id)
        .values_list("role", "idk_pub")
        .first()
    )
    return None if row is None else Standing(role=Role(row[0]), idk_pub=row[1])


def conversation_ids_of(user_id: UUID) -> QuerySet[Membership, UUID]:
    """The conversations of a person, as a subquery."""
    return Membership.objects.filter(user_id=user_id).values_list("conversation_id", flat=True)


def member_ids(conversation_id: UUID) -> list[UUID]:
    """Everyone on the roster of a conversation who has an account, the invited too."""
    return list(Membership.objects.filter(conversation_id=conversation_id).values_list("user_id", flat=True))


def list_bundles_of(conversation_id: UUID) -> list[KeyBundle]:
    """Public keys and statements of everyone whom the roster of an authorised conversation ever named, by user id."""
    naming = RosterEntry.objects.filter(conversation_id=conversation_id, subject_rsa_kid__isnull=False)
    entries = map(statements.RosterEntry.parse, naming.values_list("statement", flat=True))
    named = {entry.target_id if entry.op == RosterOp.INVITE else entry.actor_id for entry in entries}
    return list(KeyBundle.objects.filter(pk__in=named).only("statement", "signature").order_by("pk"))


def reader_ids(conversation_id: UUID) -> list[UUID]:
    """Everyone who reads a conversation."""
    rows = Membership.objects.filter(conversation_id=conversation_id, role__in=READERS)
    return list(rows.values_list("user_id", flat=True))


def is_exposed(conversation_id: UUID, epoch: int) -> bool:
    """Whether an epoch's key may be with people who have no right to what comes, so that nothing is sealed under it."""
    return RosterEntry.objects.filter(conversation_id=conversation_id, epoch=epoch, exposes=True).exists()


def filter_readers(pairs: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Those of the (user, conversation) pairs where the user reads the conversation now, in one query."""
    users, conversations = {user for user, _ in pairs}, {conversation for _, conversation in pairs}
    rows = Membership.objects.filter(user_id__in=users, conversation_id__in=conversations, role__in=READERS)
    return set(rows.values_list("user_id", "conversation_id")) & set(pairs)


def list_rosters(conversation_ids: Iterable[UUID]) -> dict[UUID, list[RosterEntry]]:
    """The whole rosters of authorised conversations, in order."""
    rosters: dict[UUID, list[RosterEntry]] = defaultdict(list)
    for entry in RosterEntry.objects.filter(conversation_id__in=conversation_ids).order_by("conversation_id", "seq"):
        rosters[entry.conversation_id].append(entry)
    return rosters


def count_entries(conversation_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How long the rosters of authorised conversations are."""
    rows = RosterEntry.objects.filter(conversation_id__in=conversation_ids)
    return dict(rows.values_list("conversation_id").annotate(length=Count("pk")))


def list_grants(*, user_id: UUID, conversation_ids: Iterable[UUID]) -> dict[UUID, list[Grant]]:
    """The requester's own grants in authorised conversations, by epoch."""
    grants: dict[UUID, list[Grant]] = defaultdict(list)
    rows = Grant.objects.filter(user_id=user_id, conversation_id__in=conversation_ids)
    for grant in rows.order_by("conversation_id", "epoch"):
        grants[grant.conversation_id].append(grant)
    return grants


def list_previous_keys(conversation_ids: Iterable[UUID]) -> dict[UUID, list[PreviousKey]]:
    """The sealed keys of former epochs of authorised conversations, oldest first."""
    previous: dict[UUID, list[PreviousKey]] = defaultdict(list)
    rows = PreviousKey.objects.filter(conversation_id__in=conversation_ids)
    for row in rows.order_by("conversation_id", "epoch"):
        previous[row.conversation_id].append(row)
    return previous


def list_roles(*, user_id: UUID, conversation_ids: Iterable[UUID]) -> dict[UUID, Role]:
    """What a person is in each of some conversations; strangers' ones are missing."""
    rows = Membership.objects.filter(user_id=user_id, conversation_id__in=conversation_ids)
    return {place: Role(role) for place, role in rows.values_list("conversation_id", "role")}
