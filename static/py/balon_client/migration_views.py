"""What the page gets of a migration (docs/worker.md). A message in plaintext always comes with its mark."""

from collections.abc import Sequence

from balon_client.account import Account
from balon_client.migration_problems import PlaintextError
from balon_client.migration_records import LegacyConversation, LegacyRow
from balon_client.migration_run import MigrationRun
from balon_client.migration_state import Ledger, Phase, Rows
from balon_client.views import ASSISTANT_VIEW, View

_NO_OUTCOME: View = {"failed": [], "paused": False, "problem": None}


def migration_view(phase: Phase, ledger: Ledger, run: MigrationRun | None) -> View:
    """A Migration: where it is by the own count, and what became of the last run."""
    return {
        "state": phase.value,
        "conversations": len(ledger.rows),
        "conversations_done": ledger.accounted,
        "messages": ledger.messages,
        "done": ledger.verified,
        **(run.view() if run else _NO_OUTCOME),
    }


def legacy_item(legacy: LegacyConversation, rows: Rows) -> View:
    """A conversation in plaintext, for the list."""
    return {
        "id": str(legacy.id),
        "title": legacy.title,
        "created_ms": legacy.created_ms,
        "updated_ms": legacy.updated_ms,
        "messages": legacy.messages,
        "encrypted": rows.is_accounted,
    }


def legacy_view(legacy: LegacyConversation, rows: Sequence[LegacyRow], account: Account) -> View:
    """A page of a conversation in plaintext."""
    last = rows[-1].number if rows else 0
    return {
        "id": str(legacy.id),
        "title": legacy.title,
        "messages": [_message(legacy, row, account) for row in rows],
        "last": last,
        "more": last < legacy.messages,
    }


def _message(legacy: LegacyConversation, row: LegacyRow, account: Account) -> View:
    own = {"user_id": str(account.user_id), "name": account.login, "kind": "you"}
    return {
        "id": f"{legacy.id}/{row.number}",
        "author": ASSISTANT_VIEW if row.role == "assistant" else own,
        "text": row.text,
        "created_ms": row.created_ms,
        "model": row.model,
        "state": "saved",
        "finish": None,
        "mark": PlaintextError().problem,
        "sealed_for_model": False,
        "imported": None,
    }
