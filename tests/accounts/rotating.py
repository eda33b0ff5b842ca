"""A person who replaces all their keys, and the conversations they are in."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from balon.protocol import roster, statements
from balon.protocol.encoding import NIL_UUID, decode_b64u, encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.roster import Member, Role, RosterOp, RosterState
from balon.protocol.statements import AuthAction
from keystore.grants import GrantDraft, store_grants
from keystore.models import Grant, Membership, RosterEntry
from keystore.rosters import append_entry
from keystore.signatures import Signed
from tests.accounts.changing import Encoder, header, snapshot
from tests.keys import envelope, public_bytes, signed

if TYPE_CHECKING:
    from uuid import UUID

    from tests.browsers import Browser
    from tests.keys import Keys

SPKI_SIZE = 550


def with_new_keys(keys: Keys, *, identity: bool = False) -> Keys:
    """The same person with another password, RSA pair and kit, and another identity where that is wanted."""
    changes: dict[str, Any] = {"idk": Ed25519PrivateKey.generate()} if identity else {}
    return replace(keys.with_new_kit(), spki=os.urandom(SPKI_SIZE), **changes)


# --- Rosters, as a client follows them ---


def state_of(record: dict[str, Any]) -> RosterState:
    """The roster of a conversation's record."""
    first, *others = record["roster"]
    entry = _entry(first)
    state = roster.create_roster(entry, _subject(first, entry.actor_id, Role.OWNER))
    for each in others:
        state = _follow(state, each)
    return state


def _follow(state: RosterState, row: dict[str, Any]) -> RosterState:
    entry, subject = _entry(row), None
    if entry.op == RosterOp.INVITE:
        subject = _subject(row, entry.target_id, Role.INVITED)
    if entry.op == RosterOp.REKEY:
        subject = _subject(row, entry.actor_id, state.members[entry.actor_id].role)
    return roster.apply_entry(state, entry, subject)


def _entry(row: dict[str, Any]) -> statements.RosterEntry:
    return statements.RosterEntry.parse(decode_b64u(row["statement"]))


def _subject(row: dict[str, Any], user_id: UUID, role: Role) -> Member:
    keys = row["subject"]
    return Member(user_id, decode_b64u(keys["idk_pub"]), decode_b64u(keys["rsa_kid"]), role)


def next_entry(
    state: RosterState, actor: Keys, op: RosterOp, subject: Member | None = None, **changes: Any
) -> statements.RosterEntry:
    """An entry that follows; `changes` alter it."""
    fields: dict[str, Any] = {
        "conversation_id": state.conversation_id,
        "seq": state.seq + 1,
        "prev_hash": state.head,
        "op": op,
        "actor_id": actor.user_id,
        "target_id": NIL_UUID,
        "role": "",
        "epoch": state.epoch,
        "ck_commit": state.ck_commits[state.epoch],
        "members_hash": bytes(32),
        "created_ms": time.time_ns() // 1_000_000,
        **changes,
    }
    draft = statements.RosterEntry(**fields)
    return draft if "members_hash" in changes else roster.complete_entry(state, draft, subject)


def grant_to(entry: statements.RosterEntry, recipient: Keys, grantor: Keys, **changes: Any) -> dict[str, Any]:
    """A grant as it travels, with its epoch; `changes` alter the statement."""
    wrapped = os.urandom(512)
    fields: dict[str, Any] = {
        "conversation_id": entry.conversation_id,
        "epoch": entry.epoch,
        "recipient_id": recipient.user_id,
        "rsa_kid": recipient.rsa_kid,
        "ck_commit": entry.ck_commit,
        "wrapped_hash": hashlib.sha256(wrapped).digest(),
        "grantor_id": grantor.user_id,
        "roster_hash": entry.hash,
    }
    statement = statements.Grant(**{**fields, **changes})
    sent = signed(grantor.idk, statement.serialize())
    return {"epoch": statement.epoch, **sent, "wrapped": encode_b64u(wrapped)}


def record_of(browser: Browser, conversation_id: str) -> dict[str, Any]:
    """A conversation as its member gets it."""
    answer = browser.get(f"conversations/{conversation_id}")
    assert answer.status_code == 200, answer.content
    content: dict[str, Any] = answer.json()
    return content


def invite(owner: Browser, person: Browser, conversation_id: str, *, accepts: bool = True) -> None:
    """Lets a person in with the key of this epoch, by the services: the requests for it are not the matter here."""
    state = state_of(record_of(owner, conversation_id))
    member = Member(person.keys.user_id, public_bytes(person.keys.idk), person.keys.rsa_kid, Role.INVITED)
    entry = next_entry(state, owner.keys, RosterOp.INVITE, member, target_id=person.keys.user_id, role="member")
    _append(owner, entry, [(person, grant_to(entry, person.keys, owner.keys))])
    if accepts:
        state = roster.apply_entry(state, entry, member)
        _append(person, next_entry(state, person.keys, RosterOp.ACCEPT), [])


def begin_epoch(actor: Browser, others: list[Browser], conversation_id: str) -> None:
    """Rotates a conversation's key, by the services; the row of the conversation stays as it is."""
    state = state_of(record_of(actor, conversation_id))
    commit = os.urandom(32)
    entry = next_entry(state, actor.keys, RosterOp.ROTATE, epoch=state.epoch + 1, ck_commit=commit)
    _append(actor, entry, [(each, grant_to(entry, each.keys, actor.keys)) for each in [actor, *others]])


def _append(actor: Browser, entry: statements.RosterEntry, grants: list[tuple[Browser, dict[str, Any]]]) -> None:
    sent = Signed(entry.serialize(), actor.keys.idk.sign(entry.serialize()))
    with transaction.atomic():
        step = append_entry(conversation_id=entry.conversation_id, actor_id=actor.keys.user_id, signed=sent)
        drafts = [
            GrantDraft(
                user_id=person.keys.user_id,
                epoch=grant["epoch"],
                signed=Signed(decode_b64u(grant["statement"]), decode_b64u(grant["signature"])),
                wrapped=decode_b64u(grant["wrapped"]),
            )
            for person, grant in grants
        ]
        store_grants(drafts, step=step)


# --- The rotation ---


def rekey(record: dict[str, Any], old: Keys, fresh: Keys, **changes: Any) -> dict[str, Any]:
    """The part of one conversation; `changes` alter the entry."""
    state = state_of(record)
    member = replace(state.members[old.user_id], idk_pub=public_bytes(fresh.idk), rsa_kid=fresh.rsa_kid)
    entry = next_entry(state, old, RosterOp.REKEY, member, **changes)
    epochs = [statements.Grant.parse(decode_b64u(grant["statement"])).epoch for grant in record["grants"]]
    return {
        "conversation_id": record["id"],
        "entry": signed(old.idk, entry.serialize()),
        "grants": [grant_to(entry, fresh, fresh, epoch=e, ck_commit=state.ck_commits[e]) for e in epochs],
        "lost": [],
    }


def conversations_of(browser: Browser) -> list[dict[str, Any]]:
    """All records of a person."""
    page = browser.get("conversations").json()
    found = list(page["conversations"])
    while page["next"]:
        page = browser.get("conversations", cursor=page["next"]).json()
        found += page["conversations"]
    return found


def rotation_body(browser: Browser, fresh: Keys, version: int = 1, **changes: Any) -> dict[str, Any]:
    """The body that replaces the keys of the signed-in person; `changes` replace members of it."""
    bundle = fresh.bundle(bundle_seq=version + 1)
    if "conversations" not in changes:
        changes["conversations"] = [rekey(record, browser.keys, fresh) for record in conversations_of(browser)]
    return {
        **fresh.record_body(version, mek_ver=version + 1),
        "idk_env": encode_b64u(envelope(Kind.IDK, 32)),
        "rsa_env": encode_b64u(envelope(Kind.RSA, 2374)),
        "bundle": signed(fresh.idk, bundle.serialize()),
        "keyring": {"version": version + 1, "envelope": encode_b64u(envelope(Kind.KEYRING))},
        "recovery": {
            "recovery_id": str(fresh.recovery_id),
            "rec_pub": encode_b64u(public_bytes(fresh.recovery_key)),
        },
        **changes,
    }


def send_rotation(browser: Browser, content: Any, **transcript: Any) -> Any:
    """Sends a body, proved with the browser's own keys; `transcript` alters what the proof says."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    proof = browser.keys.prove(browser.prelogin(), **{"action": AuthAction.ROTATE_KEYS, "body": raw, **transcript})
    return browser.post("accounts/keys", raw, **header(proof))


def everything() -> str:
    """All that a rotation may change."""
    rows = {model.__name__: list(model.objects.order_by("pk").values()) for model in (Grant, Membership, RosterEntry)}
    return snapshot() + json.dumps(rows, cls=Encoder)
