"""Where the account is signed in, and what the server holds about it: as the server tells it, nothing is decrypted."""

from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import parse_uuid
from balon.protocol.errors import EncodingError
from balon_client.account_records import DisclosedTable, SessionItem
from balon_client.account_session import AccountSession
from balon_client.alarms import AnswerError
from balon_client.api import Api
from balon_client.errors import ClientError, ProblemError
from balon_client.views import View

_GONE: Final = 404


class SessionGoneError(ClientError):
    """What the page names is no session."""

    code = "session-not-found"
    title = "This session is not there."
    detail = "It has ended already, or it is not one of yours. Look at the list again."
    action = "retry"


class Devices:
    """The calls about sessions and disclosure."""

    def __init__(self, session: AccountSession) -> None:
        self._session = session

    async def list_sessions(self) -> list[View]:
        """Where the account is signed in.

        Raises:
            AnswerError: The server calls another session than this one the current one.
        """
        opened = await self._session.signed_in()
        own = opened.session_id
        return [_session_view(item, own) for item in await opened.parts.api.sessions()]

    async def end_session(self, raw_id: object) -> None:
        """Ends one session; one that is gone already counts as ended.

        Raises:
            SessionGoneError: It is no identifier; nothing was sent.
        """
        session_id = _parse_id(raw_id)
        try:
            await (await self._api()).end_session(session_id)
        except ProblemError as error:
            if error.status != _GONE:
                raise

    async def end_other_sessions(self) -> None:
        """Ends every session but this one."""
        await (await self._api()).end_other_sessions()

    async def disclosure(self) -> dict[str, Any]:
        """All that the operator could hand over about the account, as it is."""
        return {"tables": [_table_view(table) for table in await (await self._api()).disclosure()]}

    async def _api(self) -> Api:
        return (await self._session.signed_in()).parts.api


def _parse_id(raw: object) -> UUID:
    try:
        return parse_uuid(raw if isinstance(raw, str) else "")
    except EncodingError:
        raise SessionGoneError from None


def _session_view(item: SessionItem, own_id: str) -> View:
    """A session as the page gets it. Which is the current one is what this client knows itself."""
    if item.is_current != (str(item.session_id) == own_id):
        raise AnswerError("sessions.current")
    return {
        "id": str(item.session_id),
        "device": item.device,
        "created_ms": item.created_ms,
        "last_used_ms": item.last_used_ms,
        "current": item.is_current,
    }


def _table_view(table: DisclosedTable) -> View:
    return {"name": table.name, "explanation": table.explanation, "rows": list(table.rows), "total": table.total}
