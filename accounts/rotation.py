"""rotate-keys: all that a thief of a password may have is replaced at once, in every conversation (section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.dispatch import Signal

from accounts.changes import replace_sign_in, verify_change
from accounts.deletion import cancel_deletion
from accounts.errors import InvalidChangeError
from accounts.kits import NewKit, replace_kit
from accounts.models import SignInSession, User
from accounts.proofs import ProvedBody
from accounts.selectors import get_recovery_id
from accounts.sign_in_records import NewRecord
from accounts.throttles import Limit, count_attempt
from balon.protocol.roster import RosterOp
from balon.protocol.statements import AuthAction
from keystore.errors import InvalidStatementError, RotationIncompleteError
from keystore.grants import GrantDraft, replace_grants
from keystore.notices import notify_on_commit
from keystore.renewing import RenewedKeys, replace_account_keys
from keystore.rosters import append_entry
from keystore.selectors import conversation_ids_of
from keystore.signatures import Signed, verify_public_key


@dataclass(frozen=True, slots=True)
class Rekey:
    """What happens in one conversation: the entry, one's own grants to the new key, and the epochs that are lost.

    Lost is an epoch whose grant opened to nobody: whoever made it may have done so badly.
    """

    entry: Signed
    grants: tuple[GrantDraft, ...]
    lost: frozenset[int]


@dataclass(frozen=True, slots=True)
class Rotation:
    """Sign-in record, key pairs and keyring under a new master key, a kit, and every conversation's part."""

    record: NewRecord
    keys: RenewedKeys
    kit: NewKit
    conversations: Mapping[UUID, Rekey]


rotation_asked = Signal()
"""Sent with the `user_id` of whoever asks for a rotation: a receiver that raises refuses it (conversations/apps.py)."""


def admit_rotation(user: User) -> None:
    """Counts an attempt, and asks whoever may refuse it; before the body is read, since that may be a large one.

    Raises:
        Throttled: One too many.
        APIException: What a receiver of `rotation_asked` raises.
    """
    count_attempt("rotate-keys", user.pk.bytes, Limit(*settings.BALON_LIMIT_ROTATION))
    rotation_asked.send(sender=User, user_id=user.pk)


def rotate_keys(*, session: SignInSession, proved: ProvedBody, rotation: Rotation) -> SignInSession:
    """Replaces sign-in record, keys, keyring, kit and, in every conversation, keys and grants, in one transaction.

    The bundle's row is locked before the conversations are listed, so nobody puts this person on another roster under
    the old keys meanwhile; a roster that gets another entry at the same moment makes all of it fail. On commit the
    sockets of all other sessions close, and the other members of every conversation get a notice; the asking session
    goes on and has the answer. Pending challenges of the account are spent, and a deletion that was asked for is
    cancelled: whoever knew the old password may have asked for it (decision 7).

    Args:
        session: The asking session, which goes on under the new account version.
        proved: The proof with the old login key, over the body.
        rotation: The validated body.

    Raises:
        InvalidChangeError: The parameters are outside the policy, the master key is not the next one, or the recovery
            id cannot be used.
        InvalidStatementError: Bundle, an entry or a grant do not stand.
        ProofRefusedError: The proof does not stand.
        RotationIncompleteError: It does not cover exactly the conversations and grants on record.
        RosterConflictError: A roster has another newest entry.
        VersionConflictError: Account, bundle or keyring are not at the version that the client saw.
        Throttled: Too many attempts from this address or for this login name.
    """
    verify_change(AuthAction.ROTATE_KEYS, session=session, proved=proved, record=rotation.record)
    verify_public_key(rotation.kit.rec_pub)
    try:
        with transaction.atomic():
            cancel_deletion(session.user_id)  # First, as whoever deletes an account locks the request first.
            renewed = _renew_account(session, rotation)
            _rekey_conversations(renewed.user_id, rotation.conversations)
    except IntegrityError as error:
        raise InvalidChangeError("The recovery id cannot be used.") from error
    return renewed


def _renew_account(session: SignInSession, rotation: Rotation) -> SignInSession:
    renewed = replace_sign_in(session, rotation.record, from_mek_ver=rotation.record.mek_ver - 1)
    replace_kit(renewed.user, get_recovery_id(renewed.user_id), rotation.kit)
    replace_account_keys(user_id=renewed.user_id, login=renewed.user.login, keys=rotation.keys)
    return renewed


def _rekey_conversations(user_id: UUID, rekeys: Mapping[UUID, Rekey]) -> None:
    """In the order of their ids, as everyone who writes to several rosters does."""
    on_record = set(conversation_ids_of(user_id))
    if on_record != rekeys.keys():
        raise RotationIncompleteError
    for conversation_id in sorted(on_record):
        rekey = rekeys[conversation_id]
        step = append_entry(conversation_id=conversation_id, actor_id=user_id, signed=rekey.entry)
        if step.entry.op != RosterOp.REKEY:
            raise InvalidStatementError("The roster entry is no rekey.")
        replace_grants(rekey.grants, lost=rekey.lost, step=step)
        notify_on_commit(step.after.members.keys() - {user_id}, "roster", conversation_id)
