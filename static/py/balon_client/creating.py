"""A new conversation: its first key, its `create` entry and the grant to oneself (docs/protocol.md section 7)."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.encoding import NIL_UUID, ZERO_HASH
from balon.protocol.roster import Role, RosterOp, hash_members
from balon.protocol.statements import Grant, RosterEntry
from balon.protocol.types import PublicKey, WrappedKey
from balon_client.account import Account
from balon_client.conversation_records import ConversationRecord, RosterRecord, Subject
from balon_client.ports import ConversationKey, Crypto
from balon_client.records import Signed


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation that this client made: what the server gets, and the key that must come back."""

    id: UUID
    roster: RosterRecord
    grant: Signed
    wrapped: WrappedKey
    key: ConversationKey

    def is_given_back(self, record: ConversationRecord) -> bool:
        """Whether the server answers with what it was given (A9)."""
        grants = [(grant.signed, grant.wrapped) for grant in record.grants]
        return record.id == self.id and record.roster == (self.roster,) and grants == [(self.grant, self.wrapped)]


async def create_conversation(crypto: Crypto, account: Account, conversation_id: UUID, now_ms: int) -> NewConversation:
    """Generates CK[0], the `create` entry and the grant to oneself, both signed."""
    generated = await crypto.generate_conversation_key(conversation_id, 0, [account.recipient])
    (wrapped,) = generated.wrapped
    entry = _create_entry(account, conversation_id, generated.key.ck_commit, now_ms)
    grant = Grant(
        conversation_id=conversation_id,
        epoch=0,
        recipient_id=account.user_id,
        rsa_kid=account.bundle.rsa_kid,
        ck_commit=generated.key.ck_commit,
        wrapped_hash=hashlib.sha256(wrapped).digest(),
        grantor_id=account.user_id,
        roster_hash=entry.hash,
    )
    statements = [entry.serialize(), grant.serialize()]
    signatures = await crypto.sign_many(account.keys.idk, statements)
    subject = Subject(PublicKey(account.bundle.idk_pub), account.bundle.rsa_kid)
    return NewConversation(
        id=conversation_id,
        roster=RosterRecord(Signed(statements[0], signatures[0]), subject),
        grant=Signed(statements[1], signatures[1]),
        wrapped=wrapped,
        key=generated.key,
    )


def _create_entry(account: Account, conversation_id: UUID, ck_commit: bytes, now_ms: int) -> RosterEntry:
    return RosterEntry(
        conversation_id=conversation_id,
        seq=0,
        prev_hash=ZERO_HASH,
        op=RosterOp.CREATE,
        actor_id=account.user_id,
        target_id=NIL_UUID,
        role=Role.OWNER,
        epoch=0,
        ck_commit=ck_commit,
        members_hash=hash_members({account.user_id: account.owner}),
        created_ms=now_ms,
    )
