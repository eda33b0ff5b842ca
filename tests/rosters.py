"""Conversations of several people, as their clients know them: each change is what an honest client would post."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from balon.protocol import roster, statements
from balon.protocol.encoding import NIL_UUID, ZERO_HASH, decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.errors import RosterError
from balon.protocol.roster import Role, RosterOp
from tests.keys import Keys, envelope, now_ms, signed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from tests.browsers import Browser

_ROTATING = frozenset({RosterOp.REMOVE, RosterOp.ROTATE})


class Room:
    """A conversation: its roster, the keys of its people, and the version of its META."""

    def __init__(self, owner: Browser) -> None:
        body = owner.keys.new_conversation()
        answer = owner.post("conversations", body)
        assert answer.status_code == 201, answer.content
        entry = statements.RosterEntry.parse(decode_b64u(body["roster"]["statement"]))
        self.state = roster.create_roster(entry, owner.keys.member(Role.OWNER))
        self.id = str(entry.conversation_id)
        self.people: dict[UUID, Keys] = {owner.keys.user_id: owner.keys}
        self.meta_version = 0

    @property
    def path(self) -> str:
        """Where the conversation is, below /api/v1/."""
        return f"conversations/{self.id}"

    def propose(self, op: str, actor: Keys, target: Keys | None = None, **changes: Any) -> statements.RosterEntry:
        """The entry that does this next; `changes` alter it, the hash of the members follows unless it is among them.

        `fresh=True` begins an epoch where that is a choice.
        """
        epoch = self.state.epoch + (op in _ROTATING or changes.pop("fresh", False))
        fields: dict[str, Any] = {
            "conversation_id": self.state.conversation_id,
            "seq": self.state.seq + 1,
            "prev_hash": self.state.head,
            "op": str(op),
            "actor_id": actor.user_id,
            "target_id": target.user_id if target else NIL_UUID,
            "role": "",
            "epoch": epoch,
            "ck_commit": self.state.ck_commits.get(epoch) or os.urandom(32),
            "members_hash": ZERO_HASH,
            "created_ms": now_ms(),
        }
        entry = statements.RosterEntry(**{**fields, **changes})
        return entry if "members_hash" in changes else roster.complete_entry(self.state, entry, self.subject(entry))

    def subject(self, entry: statements.RosterEntry) -> roster.Member | None:
        """The keys that an entry brings in, of people whom the room knows."""
        if entry.op == RosterOp.INVITE and entry.target_id in self.people:
            return self.people[entry.target_id].member(Role.INVITED)
        if entry.op == RosterOp.REKEY:
            return self.people[entry.actor_id].member(self.state.members[entry.actor_id].role)
        return None

    def follow(self, entry: statements.RosterEntry) -> roster.RosterState:
        """The roster after an entry; the room stays as it is."""
        return roster.apply_entry(self.state, entry, self.subject(entry))

    def grant(self, entry: statements.RosterEntry, recipient: UUID, epoch: int, /, **changes: Any) -> dict[str, Any]:
        """A grant by the actor of an entry; `changes` alter the statement before it is signed."""
        after, wrapped = self.follow(entry), os.urandom(statements.WRAPPED_KEY_SIZE)
        fields: dict[str, Any] = {
            "conversation_id": entry.conversation_id,
            "epoch": epoch,
            "recipient_id": recipient,
            "rsa_kid": after.members[recipient].rsa_kid,
            "ck_commit": after.ck_commits[epoch],
            "wrapped_hash": hashlib.sha256(wrapped).digest(),
            "grantor_id": entry.actor_id,
            "roster_hash": entry.hash,
        }
        statement = statements.Grant(**{**fields, **changes}).serialize()
        key = self.people[entry.actor_id].idk
        return {"user_id": str(recipient), "epoch": epoch, **signed(key, statement), "wrapped": encode_b64u(wrapped)}

    def body(self, entry: statements.RosterEntry, *, history: Iterable[int] = ()) -> dict[str, Any]:
        """All that comes with an entry; `history` names earlier epochs that an invitation shares."""
        actor, begins = self.people[entry.actor_id], entry.epoch != self.state.epoch
        places = [(user_id, entry.epoch) for user_id in self.follow(entry).members] if begins else []
        if entry.op == RosterOp.INVITE and not begins:
            places = [(entry.target_id, epoch) for epoch in (*history, entry.epoch)]
        hands_on = begins and entry.op != RosterOp.INVITE
        meta = actor.meta(self.id, self.meta_version + 1, entry.epoch) if begins and self.meta_version else None
        return {
            "entry": signed(actor.idk, entry.serialize()),
            "grants": [self.grant(entry, user_id, epoch) for user_id, epoch in places],
            "previous": encode_b64u(envelope(Kind.PREV, 32)) if hands_on else None,
            "meta": meta,
        }

    def draft(self, op: str, actor: Browser, target: Browser | None = None, **changes: Any) -> dict[str, Any]:
        """The body that does this next."""
        for person in (actor, target):
            if person is not None:
                self.people.setdefault(person.keys.user_id, person.keys)
        history = changes.pop("history", ())
        return self.body(self.propose(op, actor.keys, target and target.keys, **changes), history=history)

    def force(self, op: str, actor: Browser, target: Browser | None = None, **changes: Any) -> dict[str, Any]:
        """The body that does this next, as well as it can be made by somebody who may have no right to."""
        try:
            return self.draft(op, actor, target, **changes)
        except RosterError:
            changes = {**changes, "members_hash": os.urandom(32)}
            entry = self.propose(op, actor.keys, target and target.keys, **changes)
        return {"entry": signed(actor.keys.idk, entry.serialize()), "grants": [], "previous": None, "meta": None}

    def post(self, actor: Browser, body: dict[str, Any]) -> Any:
        """Posts a change, and follows it if the server takes it."""
        answer = actor.post(f"{self.path}/roster", body)
        if answer.status_code in {201, 204}:
            self.state = self.follow(statements.RosterEntry.parse(decode_b64u(body["entry"]["statement"])))
            self.meta_version = body["meta"]["meta_version"] if body["meta"] else self.meta_version
        return answer

    def act(self, op: str, actor: Browser, target: Browser | None = None, **changes: Any) -> Any:
        """Does this next, and insists that the server takes it."""
        answer = self.post(actor, self.draft(op, actor, target, **changes))
        assert answer.status_code in {201, 204}, answer.content
        return answer

    def admit(self, owner: Browser, person: Browser, role: str = "member", **changes: Any) -> None:
        """Invites somebody who accepts."""
        self.act(RosterOp.INVITE, owner, person, role=role, **changes)
        self.act(RosterOp.ACCEPT, person)

    def rename(self, person: Browser) -> None:
        """Writes the next META."""
        meta = person.keys.meta(self.id, self.meta_version + 1, self.state.epoch)
        assert person.put(f"{self.path}/meta", meta).status_code == 200
        self.meta_version += 1
