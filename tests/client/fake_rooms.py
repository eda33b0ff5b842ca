"""The conversations of the web tier in memory: rosters, grants, messages and settings, as docs/api.md has them.

Rosters are replayed by the protocol's rules; signatures and keys are not looked at, so the client must not lean on it.
"""

import hashlib
from functools import lru_cache
from typing import Any
from uuid import UUID

from balon.protocol import errors
from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.roster import Member, Role, RosterOp, RosterState, apply_entry, create_roster
from balon.protocol.statements import Bundle, RosterEntry
from balon_client.errors import ProblemError

WRITERS = {Role.OWNER, Role.MEMBER}


def problem(status: int, code: str) -> ProblemError:
    return ProblemError(status, code)


@lru_cache(maxsize=4096)
def replay(roster: tuple[tuple[str, str, str], ...]) -> RosterState:
    """The roster after entries of (statement, identity key, key id of the subject)."""
    *before, (statement, idk_pub, rsa_kid) = roster
    entry = RosterEntry.parse(decode_b64u(statement))
    keys = (decode_b64u(idk_pub), decode_b64u(rsa_kid))
    if not before:
        return create_roster(entry, Member(entry.actor_id, *keys, Role.OWNER))
    state = replay(tuple(before))
    subject = None
    if entry.op == RosterOp.INVITE:
        subject = Member(entry.target_id, *keys, Role.INVITED)
    elif entry.op == RosterOp.REKEY:
        subject = Member(entry.actor_id, *keys, state.members[entry.actor_id].role)
    return apply_entry(state, entry, subject)


def roster_of(conversation: dict) -> RosterState:
    return replay(tuple(map(_link, conversation["roster"])))


def _link(record: dict) -> tuple[str, str, str]:
    subject = record["subject"] or {"idk_pub": "", "rsa_kid": ""}
    return record["statement"], subject["idk_pub"], subject["rsa_kid"]


def subject_of(account: dict) -> dict:
    bundle = Bundle.parse(decode_b64u(account["bundle"]["statement"]))
    return {"idk_pub": encode_b64u(bundle.idk_pub), "rsa_kid": encode_b64u(bundle.rsa_kid)}


def head_of(conversation: dict) -> dict | None:
    if not conversation["messages"]:
        return None
    newest = conversation["messages"][-1]
    envelope_hash = hashlib.sha256(decode_b64u(newest["envelope"])).digest()
    return {"position": newest["position"], "envelope_hash": encode_b64u(envelope_hash)}


class Rooms:
    """What the server does with conversations. `state`, `clock` and `notify` come from the server itself."""

    state: Any
    clock: Any

    # --- Who may what ---

    def role_in(self, conversation: dict, user_id: str) -> Role | None:
        """The role on the roster; a ghost is somebody whom the server counts in without any entry."""
        ghost = Role.READER if user_id in conversation.get("ghosts", ()) else None
        return roster_of(conversation).role_of(UUID(user_id)) or ghost

    def _require(self, account: dict, conversation: dict, roles=frozenset({Role.OWNER, Role.MEMBER, Role.READER})):
        if self.role_in(conversation, account["user_id"]) not in roles:
            raise problem(403, "forbidden")

    def members_of(self, conversation: dict) -> set[str]:
        return {str(user_id) for user_id in roster_of(conversation).members} | set(conversation.get("ghosts", ()))

    def _require_epoch(self, conversation: dict, epoch: int) -> None:
        if epoch != conversation["epoch"] or roster_of(conversation).needs_rotation:
            raise problem(409, "epoch-conflict")

    # --- Reading ---

    def _list(self, account, query) -> dict:
        own = [
            each
            for each in self.state.conversations.values()
            if account["user_id"] in self.members_of(each) and not self.is_held(each["id"])
        ]
        own.sort(key=lambda each: -each["updated_ms"])
        start, limit = int(query.get("cursor", 0)), int(query.get("limit", 50))
        page = own[start : start + limit]
        following = str(start + limit) if len(own) > start + limit else None
        return {"conversations": [self._record(each, account) for each in page], "next": following}

    def _record(self, conversation, account) -> dict:
        names = ("id", "epoch", "epoch_position", "created_ms", "updated_ms", "roster", "meta")
        is_invited = self.role_in(conversation, account["user_id"]) is Role.INVITED
        own = [grant for grant in conversation["grants"] if grant["user_id"] == account["user_id"]]
        return {name: conversation[name] for name in names} | {
            "head": None if is_invited else head_of(conversation),
            "grants": [{name: grant[name] for name in ("statement", "signature", "wrapped")} for grant in own],
            "previous": [] if is_invited else conversation["previous"],
        }

    def _people(self, account, conversation) -> dict:
        ever = {UUID(account["user_id"])}
        for record in conversation["roster"]:
            entry = RosterEntry.parse(decode_b64u(record["statement"]))
            ever |= {entry.actor_id, entry.target_id}
        accounts = [each for each in self.state.accounts.values() if UUID(each["user_id"]) in ever]
        return {"people": [self._person(each) for each in accounts]}

    def _person(self, account) -> dict:
        return {"user_id": account["user_id"], "login": account["login"], "bundle": account["bundle"]}

    def _look_up(self, content) -> dict:
        account = self.state.accounts.get(content["login"])
        if account is None:
            raise problem(404, "unknown-login")
        return self._person(account)

    def _user(self, ask, account) -> dict:
        wanted = ask.path.rpartition("/")[2]
        shared = [each for each in self.state.conversations.values() if account["user_id"] in self.members_of(each)]
        found = [each for each in self.state.accounts.values() if each["user_id"] == wanted]
        if not found or not any(wanted in self.members_of(each) for each in shared):
            raise problem(404, "not-found")
        return self._person(found[0])

    def _page(self, account, conversation, query) -> dict:
        self._require(account, conversation)
        messages, limit = conversation["messages"], int(query.get("limit", 50))
        if "after" in query:
            found = [each for each in messages if each["position"] > int(query["after"])]
            page, more = found[:limit], len(found) > limit
        else:
            before = int(query.get("before", len(messages) + 1))
            found = [each for each in messages if each["position"] < before]
            page, more = found[-limit:], len(found) > limit
        return {"messages": page, "more": more, "head": head_of(conversation)}

    def _streams(self, account, conversation) -> dict:
        self._require(account, conversation)
        names = ("stream_id", "epoch", "sender_id", "stream_env", "created_ms", "ended")
        found = [each for each in self.state.streams.values() if each["conversation_id"] == conversation["id"]]
        return {"streams": [{name: each[name] for name in names} for each in found]}

    # --- Writing ---

    def _create(self, account, content) -> dict:
        known = self.state.conversations.get(content["conversation_id"])
        if known is None:
            now = self.clock.now_ms()
            known = {
                "id": content["conversation_id"],
                "epoch": 0,
                "epoch_position": 0,
                "created_ms": now,
                "updated_ms": now,
                "roster": [content["roster"] | {"subject": subject_of(account)}],
                "grants": [content["grant"] | {"user_id": account["user_id"], "epoch": 0}],
                "previous": [],
                "meta": None,
                "messages": [],
            }
            roster_of(known)
            self.state.conversations[known["id"]] = known
            self.notify("created", known["id"])
        elif known["roster"][0]["statement"] != content["roster"]["statement"]:
            raise problem(409, "conflict")
        return self._record(known, account)

    def _delete(self, ask, account, conversation) -> None:
        self._require(account, conversation, {Role.OWNER})
        members = self.members_of(conversation)
        del self.state.conversations[conversation["id"]]
        self.notify("deleted", conversation["id"], members)

    def is_held(self, conversation_id: str) -> bool:
        raise NotImplementedError

    def _post(self, account, conversation, content) -> dict:
        if self.is_held(conversation["id"]):
            raise problem(409, "migration-open")
        self._require(account, conversation, WRITERS)
        messages = conversation["messages"]
        for stored in messages:
            if stored["message_id"] == content["message_id"]:
                if stored["envelope"] != content["envelope"]:
                    raise problem(409, "message-conflict")
                return {"position": stored["position"]}
        self._require_epoch(conversation, content["epoch"])
        own = [each["seq"] for each in messages if each["sender_id"] == account["user_id"]]
        if content["seq"] != max(own, default=0) + 1:
            raise problem(409, "seq-conflict")
        position = len(messages) + 1
        messages.append({**content, "position": position, "sender_id": account["user_id"]})
        conversation["updated_ms"] = self.clock.now_ms()
        if self.state.streams.pop(content["message_id"], None):
            self.notify("streams", conversation["id"])
        self.notify("messages", conversation["id"])
        return {"position": position}

    def _put_meta(self, account, conversation, content) -> None:
        self._require(account, conversation, WRITERS)
        self._require_epoch(conversation, content["epoch"])
        current = conversation["meta"]["meta_version"] if conversation["meta"] else 0
        if content["meta_version"] != current + 1:
            raise problem(409, "version-conflict")
        conversation["meta"] = {**content, "author_id": account["user_id"]}
        self.notify("meta", conversation["id"])

    # --- Rosters ---

    def _post_entry(self, account, conversation, content) -> dict | None:
        entry = RosterEntry.parse(decode_b64u(content["entry"]["statement"]))
        stored = conversation["roster"][entry.seq : entry.seq + 1]
        if stored and stored[0]["statement"] == content["entry"]["statement"]:
            return self._answer(conversation, account)
        record = content["entry"] | {"subject": self._subject_of(entry)}
        before, after = self._apply(conversation, record, entry)
        self._take_entry(conversation, content, (account, entry), (before, after))
        conversation["roster"].append(record)
        conversation["updated_ms"] = self.clock.now_ms()
        self._drop_gone(conversation, after)
        gone = {str(user_id) for user_id in before.members.keys() - after.members.keys()}
        self.notify("roster", conversation["id"])
        self.notify("deleted", conversation["id"], gone)
        return self._answer(conversation, account)

    def _answer(self, conversation, account) -> dict | None:
        is_member = self.role_in(conversation, account["user_id"]) is not None
        return self._record(conversation, account) if is_member else None

    def _subject_of(self, entry: RosterEntry) -> dict | None:
        if entry.op != RosterOp.INVITE:
            return None
        (found,) = [each for each in self.state.accounts.values() if each["user_id"] == str(entry.target_id)]
        return subject_of(found)

    def _apply(self, conversation, record, entry) -> tuple[RosterState, RosterState]:
        before = roster_of(conversation)
        if entry.op in {RosterOp.CREATE, RosterOp.REKEY}:
            raise problem(400, "invalid")
        try:
            return before, roster_of(conversation | {"roster": [*conversation["roster"], record]})
        except errors.OutdatedEntryError:
            raise problem(409, "roster-conflict") from None
        except errors.ForbiddenEntryError:
            raise problem(403, "forbidden") from None
        except errors.RosterError:
            raise problem(400, "invalid") from None

    def _take_entry(self, conversation, content, who, states) -> None:
        """What must come with an entry, exactly; nothing is stored unless all of it is there."""
        (account, entry), (before, after) = who, states
        begins = after.epoch != before.epoch
        standing = {each["user_id"] for each in self.state.accounts.values()} & set(map(str, after.members))
        places = {(grant["user_id"], grant["epoch"]) for grant in content["grants"]}
        if begins:
            complete = places == {(user_id, after.epoch) for user_id in standing}
        elif entry.op == RosterOp.INVITE:
            target = str(entry.target_id)
            complete = (target, after.epoch) in places and {user_id for user_id, _ in places} == {target}
        else:
            complete = not places
        leads_back = begins and entry.op != RosterOp.INVITE
        if not complete or (content["previous"] is not None) != leads_back:
            raise problem(400, "invalid")
        self._take_meta(conversation, content, account, begins=begins)
        if leads_back:
            conversation["previous"] = [
                *conversation["previous"],
                {"epoch": after.epoch, "envelope": content["previous"]},
            ]
        conversation["grants"] = [*conversation["grants"], *content["grants"]]
        if begins:
            conversation["epoch"], conversation["epoch_position"] = after.epoch, len(conversation["messages"])
            self.stop_streams(conversation["id"], after.epoch)

    def _take_meta(self, conversation, content, account, *, begins: bool) -> None:
        stored, meta = conversation["meta"] if begins else None, content["meta"]
        if stored is None and meta is not None:
            raise problem(400, "invalid")
        if stored is None:
            return
        if meta is None or meta["meta_version"] != stored["meta_version"] + 1:
            raise problem(409, "version-conflict")
        conversation["meta"] = {**meta, "author_id": account["user_id"]}

    def _drop_gone(self, conversation, after: RosterState) -> None:
        standing = set(map(str, after.members))
        conversation["grants"] = [grant for grant in conversation["grants"] if grant["user_id"] in standing]

    def stop_streams(self, conversation_id: str, epoch: int) -> None:
        raise NotImplementedError

    def notify(self, what: str, conversation_id: str | None, user_ids: set[str] | None = None) -> None:
        raise NotImplementedError
