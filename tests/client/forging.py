"""Conversations made by hand: by members who do not keep to the client, or by a server in somebody's name."""

import copy
import hashlib
import os
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.contexts import message_context, meta_context, prev_epoch_context
from balon.protocol.encoding import NIL_UUID, ZERO_HASH, decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.errors import RosterError
from balon.protocol.roster import Member, Role, RosterOp, complete_entry, hash_members
from balon.protocol.statements import Bundle, Grant, RosterEntry, message_statement, meta_statement
from balon_client.ports import Recipient
from tests.client.company import room
from tests.client.doubles.accounts import spki_of
from tests.client.doubles.crypto import _wrap_for
from tests.client.doubles.envelopes import derive_commitment, seal_envelope
from tests.client.fake_rooms import roster_of

ENTRANCES = {RosterOp.CREATE, RosterOp.INVITE, RosterOp.REKEY}


@dataclass(frozen=True)
class Someone:
    """Whoever can sign as somebody: with their keys, or with other ones."""

    user_id: UUID
    login: str
    idk: Ed25519PrivateKey
    rsa: object

    @classmethod
    def of(cls, tab) -> "Someone":
        """A person with their true keys."""
        account = tab.keys.parts.account
        return cls(account.user_id, account.login, account.keys.idk.native, account.keys.enc.native)

    @classmethod
    def new(cls, login: str, rsa) -> "Someone":
        return cls(uuid4(), login, Ed25519PrivateKey.generate(), rsa)

    def renewed(self, rsa) -> "Someone":
        """Themselves after a rotation of their keys with a new identity."""
        return replace(self, idk=Ed25519PrivateKey.generate(), rsa=rsa)

    def with_other_identity(self) -> "Someone":
        return replace(self, idk=Ed25519PrivateKey.generate())

    @property
    def idk_pub(self) -> bytes:
        return self.idk.public_key().public_bytes_raw()

    @property
    def rsa_kid(self) -> bytes:
        return hashlib.sha256(spki_of(self.rsa)).digest()

    @property
    def subject(self) -> dict:
        return {"idk_pub": encode_b64u(self.idk_pub), "rsa_kid": encode_b64u(self.rsa_kid)}

    def member(self, role: Role) -> Member:
        return Member(self.user_id, self.idk_pub, self.rsa_kid, role)

    def sign(self, statement: bytes) -> dict:
        return {"statement": encode_b64u(statement), "signature": encode_b64u(self.idk.sign(statement))}

    def bundle(self, **changes) -> dict:
        """Their public keys, signed; `changes` alter the statement before."""
        spki = spki_of(self.rsa)
        fields = {
            "user_id": self.user_id,
            "login": self.login,
            "idk_pub": self.idk_pub,
            "spki": spki,
            "rsa_kid": self.rsa_kid,
            "bundle_seq": 9,
            "created_ms": 1,
        }
        return self.sign(Bundle(**{**fields, **changes}).serialize())


class Forgery:
    """A conversation with every key of its epochs in hand, new or as the server keeps it."""

    def __init__(self, server, conversation: dict, roots: dict[int, bytes]) -> None:
        self.server = server
        self.conversation = conversation
        self.id = UUID(conversation["id"])
        self.roots = roots

    @classmethod
    def begin(cls, server, creator: Someone, *, signer: Someone | None = None) -> "Forgery":
        """A conversation that the server makes up, in the list of whoever it names."""
        made = {
            "id": str(uuid4()),
            "epoch": 0,
            "epoch_position": 0,
            "created_ms": server.clock.now_ms(),
            "updated_ms": server.clock.now_ms(),
            "roster": [],
            "grants": [],
            "previous": [],
            "meta": None,
            "messages": [],
        }
        forgery = cls(server, made, {0: os.urandom(32)})
        forgery.add(RosterOp.CREATE, creator, role=Role.OWNER, signer=signer)
        server.state.conversations[made["id"]] = made
        return forgery

    @classmethod
    def known(cls, server, tab, conversation_id: str) -> "Forgery":
        """A true conversation, with the keys that a member has of it."""
        keys = tab.keys.chat.library.get(UUID(conversation_id)).keys
        return cls(server, room(server, conversation_id), {epoch: key.root.native for epoch, key in keys.items()})

    @classmethod
    def beside(cls, server, tab, conversation_id: str) -> "Forgery":
        """A copy of a true conversation: the server keeps the true one, and gives this to whom `lie_to` names."""
        true = cls.known(server, tab, conversation_id)
        return cls(server, copy.deepcopy(true.conversation), dict(true.roots))

    def lie_to(self, tab) -> None:
        """From now on the server gives this one to a person, alone and in the list."""
        user_id = str(tab.keys.parts.account.user_id)
        own = [each for each in self.conversation["grants"] if each["user_id"] == user_id]
        names = ("epoch", "roster", "previous", "meta")
        told = {name: self.conversation[name] for name in names} | {
            "grants": [{name: each[name] for name in ("statement", "signature", "wrapped")} for each in own]
        }

        def rewrite(answer):
            for record in answer.get("conversations", [answer]):
                if record["id"] == str(self.id):
                    record.update(copy.deepcopy(told))
            return answer

        self.server.lie("GET", "/api/v1/conversations(/[^/]+)?", rewrite, to=tab)

    # --- Rosters ---

    def add(
        self, op, actor: Someone, target: Someone | None = None, *, role="", signer=None, begins=False, subject=None
    ) -> RosterEntry:
        """Appends an entry, whoever may make it, and signs it as whoever; gives the entry."""
        state = roster_of(self.conversation) if self.conversation["roster"] else None
        epoch = (state.epoch if state else 0) + begins
        self.roots.setdefault(epoch, os.urandom(32))
        has_target = op in {RosterOp.INVITE, RosterOp.REMOVE, RosterOp.ROLE}
        draft = RosterEntry(
            conversation_id=self.id,
            seq=state.seq + 1 if state else 0,
            prev_hash=state.head if state else ZERO_HASH,
            op=op,
            actor_id=actor.user_id,
            target_id=target.user_id if has_target else NIL_UUID,
            role=role,
            epoch=epoch,
            ck_commit=derive_commitment(self.roots[epoch], self.id, epoch),
            members_hash=ZERO_HASH,
            created_ms=self.server.clock.now_ms(),
        )
        brought = subject or target or actor if op in ENTRANCES else None
        entry = self._complete(state, draft, brought)
        record = (signer or actor).sign(entry.serialize()) | {"subject": brought.subject if brought else None}
        self.conversation["roster"].append(record)
        self.conversation["epoch"] = epoch
        return entry

    def _complete(self, state, draft: RosterEntry, brought: Someone | None) -> RosterEntry:
        if state is None:
            member = brought.member(Role.OWNER)
            return replace(draft, members_hash=hash_members({member.user_id: member}))
        role = Role.INVITED if draft.op == RosterOp.INVITE else state.role_of(draft.actor_id)
        try:
            return complete_entry(state, draft, brought.member(role) if brought and role else None)
        except RosterError:
            return draft

    def grant(self, recipient: Someone, *, grantor: Someone, signer=None, epoch=None, root=None, **changes) -> dict:
        """Adds a grant that names the newest entry; `root` wraps another key than the epoch's."""
        epoch = self.conversation["epoch"] if epoch is None else epoch
        newest = RosterEntry.parse(decode_b64u(self.conversation["roster"][-1]["statement"]))
        to = Recipient(recipient.user_id, spki_of(recipient.rsa), recipient.rsa_kid)
        wrapped = _wrap_for(to, self.id, epoch, root or self.roots[epoch])
        fields = {
            "conversation_id": self.id,
            "epoch": epoch,
            "recipient_id": recipient.user_id,
            "rsa_kid": recipient.rsa_kid,
            "ck_commit": derive_commitment(self.roots[epoch], self.id, epoch),
            "wrapped_hash": hashlib.sha256(wrapped).digest(),
            "grantor_id": grantor.user_id,
            "roster_hash": newest.hash,
        }
        signed = (signer or grantor).sign(Grant(**{**fields, **changes}).serialize())
        place = {"user_id": str(recipient.user_id), "epoch": epoch}
        others = [
            each
            for each in self.conversation["grants"]
            if {"user_id": each["user_id"], "epoch": each["epoch"]} != place
        ]
        made = {**place, **signed, "wrapped": encode_b64u(wrapped)}
        self.conversation["grants"] = [*others, made]
        return made

    def seal_previous(self, epoch: int, root: bytes | None = None) -> None:
        """PREV of an epoch; `root` puts another key into it."""
        context = prev_epoch_context(self.id, epoch, epoch - 1)
        sealed = seal_envelope(self.roots[epoch], Kind.PREV, context, root or self.roots[epoch - 1], os.urandom(32))
        others = [each for each in self.conversation["previous"] if each["epoch"] != epoch]
        self.conversation["previous"] = [*others, {"epoch": epoch, "envelope": encode_b64u(sealed)}]

    # --- Content ---

    def write(self, text: str, sender: Someone, *, signer=None, epoch=None, **changes) -> dict:
        """Appends a message, whoever may write it."""
        epoch = self.conversation["epoch"] if epoch is None else epoch
        messages = self.conversation["messages"]
        newest = decode_b64u(messages[-1]["envelope"]) if messages else None
        own = [each["seq"] for each in messages if each["sender_id"] == str(sender.user_id)]
        place = {
            "message_id": uuid4(),
            "sender_id": sender.user_id,
            "seq": max(own, default=0) + 1,
            "prev_hash": hashlib.sha256(newest).digest() if newest else ZERO_HASH,
            "created_ms": self.server.clock.now_ms(),
        }
        place |= changes
        context = message_context(conversation_id=self.id, epoch=epoch, **place)
        content = b'{"role":"user","text":"%s","model":"fake-model"}' % text.encode()
        envelope = seal_envelope(self.roots[epoch], Kind.MESSAGE, context, content, os.urandom(32))
        statement = message_statement(self.id, epoch, place["message_id"], envelope)
        record = {
            "position": len(messages) + 1,
            "message_id": str(place["message_id"]),
            "sender_id": str(place["sender_id"]),
            "epoch": epoch,
            "seq": place["seq"],
            "prev_hash": encode_b64u(place["prev_hash"]),
            "created_ms": place["created_ms"],
            "envelope": encode_b64u(envelope),
            "signature": encode_b64u((signer or sender).idk.sign(statement)),
        }
        messages.append(record)
        return record

    def set_meta(self, content: bytes, author: Someone, *, signer=None, version=None, epoch=None) -> None:
        """Sets title and settings, whoever may."""
        before = self.conversation["meta"]
        version = version or (before["meta_version"] if before else 0) + 1
        epoch = self.conversation["epoch"] if epoch is None else epoch
        context = meta_context(self.id, epoch, version, author.user_id)
        envelope = seal_envelope(self.roots[epoch], Kind.META, context, content, os.urandom(32))
        statement = meta_statement(self.id, epoch, version, envelope)
        self.conversation["meta"] = {
            "meta_version": version,
            "epoch": epoch,
            "author_id": str(author.user_id),
            "envelope": encode_b64u(envelope),
            "signature": encode_b64u((signer or author).idk.sign(statement)),
        }

    def tell(self, what: str = "roster") -> None:
        """Says that something changed, to everyone on the roster."""
        self.server.notify(what, str(self.id))


def move_in(server, someone: Someone, *, replaces: str | None = None) -> None:
    """Gives the server an account with these public keys, or other ones for an account that it has."""
    account = server.state.accounts.pop(replaces, {}) if replaces else {}
    server.state.accounts[someone.login] = {
        **account,
        "user_id": str(someone.user_id),
        "login": someone.login,
        "bundle": someone.bundle(),
    }
