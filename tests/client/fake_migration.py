"""The migration of the web tier in memory (docs/api.md, "Migration"): old texts, and what was encrypted of them."""

import copy
import os
import uuid
from typing import Any

from balon.protocol.encoding import encode_b64u
from tests.client.fake_rooms import problem, subject_of

LEASE_MS = 30_000
LISTED = 100
PURGED_AT_ONCE = 7
"""Few, so that ending takes several requests."""
DELETED_AT_ONCE = 2
BATCH_KEYS = {"message_id", "epoch", "seq", "prev_hash", "created_ms", "envelope", "signature"}


def legacy_conversation(name: str, *turns: str, title: str | None = None, at_ms: int = 1_600_000_000_000) -> dict:
    """A conversation in plaintext: a person and a model by turns."""
    rows = [
        {
            "number": number,
            "legacy_id": f"{name}-{number}",
            "role": "user" if number % 2 else "assistant",
            "text": text,
            "model": None if number % 2 else "old-model",
            "created_ms": at_ms + number,
        }
        for number, text in enumerate(turns, 1)
    ]
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "legacy_id": name,
        "title": title or f"About {name}",
        "created_ms": at_ms,
        "updated_ms": at_ms + len(rows),
        "rows": rows,
        "conversation_id": None,
        "verified": [],
    }


class Migrations:
    """What the server does with old texts. `state` and `clock` come from the server itself."""

    state: Any
    clock: Any

    # --- For tests ---

    def load_legacy(self, account: dict, *conversations: dict) -> None:
        """Gives an account old texts."""
        self.state.migrations[account["user_id"]] = {
            "state": "ready",
            "conversations": {each["id"]: copy.deepcopy(each) for each in conversations},
            "lease": None,
            "purged": 0,
            "total": (len(conversations), sum(len(each["rows"]) for each in conversations)),
        }

    def migration_of(self, account: dict) -> dict:
        return self.state.migrations[account["user_id"]]

    def is_held(self, conversation_id: str) -> bool:
        """Whether a conversation waits for Finish: it is not listed, and nobody writes in it."""
        return any(
            each["conversation_id"] == conversation_id
            for migration in self.state.migrations.values()
            if migration["state"] != "finished"
            for each in migration["conversations"].values()
        )

    # --- Reading ---

    def _found(self, account) -> dict:
        found = self.state.migrations.get(account["user_id"])
        if found is None:
            raise problem(404, "not-found")
        return found

    def _staged(self, each: dict) -> list[dict]:
        held = self.state.conversations.get(each["conversation_id"])
        return held["messages"] if held else []

    def _migration(self, ask, account) -> dict:
        migration = self.state.migrations.get(account["user_id"])
        if migration is None:
            names = ("conversations", "messages", "staged", "verified", "purged")
            return {"state": "none", **dict.fromkeys(names, 0), "lease": None}
        own = list(migration["conversations"].values())
        verified = sum(len(each["verified"]) for each in own)
        lease = migration["lease"]
        is_live = lease is not None and lease["expires_ms"] > self.clock.now_ms()
        return {
            "state": migration["state"],
            "conversations": migration["total"][0],
            "messages": migration["total"][1],
            "staged": max(0, sum(len(self._staged(each)) for each in own) - verified),
            "verified": verified,
            "purged": migration["purged"],
            "lease": {
                "is_own": lease["session_id"] == ask.session["session_id"],
                "expires_ms": lease["expires_ms"],
            }
            if is_live
            else None,
        }

    def _list_legacy(self, ask, account) -> dict:
        own = sorted(self._found(account)["conversations"].values(), key=lambda each: each["id"])
        behind = [each for each in own if each["id"] > ask.query.get("after", "")]
        names = ("id", "legacy_id", "title", "created_ms", "updated_ms", "conversation_id")
        page = [
            {name: each[name] for name in names}
            | {
                "messages": len(each["rows"]),
                "staged": max(0, len(self._staged(each)) - len(each["verified"])),
                "verified": len(each["verified"]),
            }
            for each in behind[:LISTED]
        ]
        return {"conversations": page, "has_more": len(behind) > LISTED}

    def _legacy(self, ask, account) -> dict:
        found = self._found(account)["conversations"].get(ask.path.split("/")[5])
        if found is None:
            raise problem(404, "not-found")
        return found

    def _legacy_page(self, ask, account) -> dict:
        found = self._legacy(ask, account)
        behind = [row for row in found["rows"] if row["number"] > int(ask.query.get("after", 0))]
        limit, staged = int(ask.query.get("limit", 200)), len(self._staged(found))
        page = [row | {"state": "staged" if row["number"] <= staged else "plain"} for row in behind[:limit]]
        return {"messages": page, "has_more": len(behind) > limit}

    # --- The lease ---

    def _take_lease(self, ask, account) -> dict:
        migration, tab = self._found(account), ask.content["tab"]
        lease = migration["lease"]
        if lease is not None and lease["expires_ms"] > self.clock.now_ms() and lease["tab"] != tab:
            raise problem(409, "lease-held")
        if lease is None or lease["tab"] != tab:
            token = encode_b64u(os.urandom(32))
            migration["lease"] = {"tab": tab, "lease": token, "session_id": ask.session["session_id"]}
        return self._renew(migration)

    def _renew(self, migration) -> dict:
        migration["lease"]["expires_ms"] = self.clock.now_ms() + LEASE_MS
        return {name: migration["lease"][name] for name in ("lease", "expires_ms")}

    def _release_lease(self, ask, account) -> None:
        migration = self._found(account)
        if migration["lease"] and migration["lease"]["lease"] == ask.content["lease"]:
            migration["lease"] = None

    def _writable(self, ask, account, *, states=("ready", "running")) -> dict:
        migration = self._found(account)
        if migration["state"] == "finished" and "finished" not in states:
            raise problem(409, "migration-finished")
        lease = migration["lease"]
        is_live = lease is not None and lease["expires_ms"] > self.clock.now_ms()
        if migration["state"] != "finished" and not (is_live and lease["lease"] == ask.content["lease"]):
            raise problem(409, "lease-lost")
        if migration["state"] not in states:
            raise problem(409, "migration-finishing")
        if is_live:
            self._renew(migration)
        return migration

    # --- Writing ---

    def _begin_held(self, ask, account) -> dict:
        migration, legacy, content = self._writable(ask, account), self._legacy(ask, account), ask.content
        if legacy["conversation_id"] not in {None, content["conversation_id"]}:
            raise problem(409, "migration-conflict")
        known = self.state.conversations.get(content["conversation_id"])
        if known is None:
            now = self.clock.now_ms()
            meta = content["meta"] and {**content["meta"], "author_id": account["user_id"]}
            known = self.state.conversations[content["conversation_id"]] = {
                "id": content["conversation_id"],
                "epoch": 0,
                "epoch_position": 0,
                "created_ms": now,
                "updated_ms": now,
                "roster": [content["roster"] | {"subject": subject_of(account)}],
                "grants": [content["grant"] | {"user_id": account["user_id"], "epoch": 0}],
                "previous": [],
                "meta": meta,
                "messages": [],
            }
            legacy["conversation_id"], migration["state"] = known["id"], "running"
        elif known["roster"][0]["statement"] != content["roster"]["statement"]:
            raise problem(409, "migration-conflict")
        return self._record(known, account)

    def _post_batch(self, ask, account) -> dict:
        self._writable(ask, account)
        content = ask.content
        legacy = self._found(account)["conversations"][content["legacy_conversation_id"]]
        messages = self._staged(legacy)
        after = list(messages)
        for row in content["rows"]:
            self._append(legacy, after, row, account)
        messages[:] = after
        return {"positions": [self._number(legacy, row) for row in content["rows"]]}

    def _number(self, legacy, row) -> int:
        for known in legacy["rows"]:
            if known["legacy_id"] == row["legacy_id"]:
                return known["number"]
        raise problem(404, "not-found")

    def _append(self, legacy, messages, row, account) -> None:
        number, message = self._number(legacy, row), row["message"]
        if set(message) != BATCH_KEYS:
            raise problem(400, "invalid")
        if number <= len(messages):
            if messages[number - 1]["envelope"] != message["envelope"]:
                raise problem(409, "migration-conflict")
            return
        if number != len(messages) + 1 or message["seq"] != number:
            raise problem(409, "seq-conflict")
        messages.append({**message, "position": number, "sender_id": account["user_id"]})

    def _note_verified(self, ask, account) -> None:
        self._writable(ask, account)
        legacy = self._found(account)["conversations"][ask.content["legacy_conversation_id"]]
        there = [each["message_id"] for each in self._staged(legacy)]
        if not set(ask.content["message_ids"]) <= set(there):
            raise problem(404, "not-found")
        new = [each for each in ask.content["message_ids"] if each not in legacy["verified"]]
        legacy["verified"] = [*legacy["verified"], *new]

    # --- Ending ---

    def _roll_back(self, ask, account) -> dict:
        migration = self._writable(ask, account)
        begun = [each for each in migration["conversations"].values() if each["conversation_id"]]
        for each in begun[:DELETED_AT_ONCE]:
            self.state.conversations.pop(each["conversation_id"], None)
            each["conversation_id"], each["verified"] = None, []
        if len(begun) <= DELETED_AT_ONCE:
            migration["state"] = "ready"
        return self._migration(ask, account)

    def _finish(self, ask, account) -> dict:
        migration = self._writable(ask, account, states=("ready", "running", "finishing", "finished"))
        own = migration["conversations"]
        if migration["state"] in {"ready", "running"}:
            if any(len(each["verified"]) < len(each["rows"]) for each in own.values()):
                raise problem(409, "migration-incomplete")
            migration["state"] = "finishing"
        for each in list(own.values()):
            taken = min(len(each["rows"]), PURGED_AT_ONCE)
            del each["rows"][:taken]
            migration["purged"] += taken
            if each["rows"]:
                return self._migration(ask, account)
            del own[each["id"]]
            if taken:
                return self._migration(ask, account)
        if migration["state"] != "finished":
            migration["state"] = "finished"
            for conversation in self.state.conversations.values():
                self.notify("created", conversation["id"])
        return self._migration(ask, account)


MIGRATION_ROUTES = [
    ("GET", "migration", 200, Migrations._migration),
    ("GET", "migration/conversations", 200, Migrations._list_legacy),
    ("GET", "migration/conversations/[^/]+/messages", 200, Migrations._legacy_page),
    ("POST", "migration/lease", 200, Migrations._take_lease),
    ("POST", "migration/lease/release", 204, Migrations._release_lease),
    ("POST", "migration/conversations/[^/]+/begin", 201, Migrations._begin_held),
    ("POST", "migration/batches", 200, Migrations._post_batch),
    ("POST", "migration/verified", 204, Migrations._note_verified),
    ("POST", "migration/rollback", 200, Migrations._roll_back),
    ("POST", "migration/finish", 200, Migrations._finish),
]
