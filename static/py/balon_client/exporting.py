"""Everything that a person can read, collected and verified as always, as one archive (docs/worker.md)."""

import asyncio
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon_client.alarms import AlarmError, AnswerError
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ClientError, ProblemError
from balon_client.export_archive import ExportArchive
from balon_client.history import LARGE_PAGE, History
from balon_client.keyring_model import KeyringContent
from balon_client.messages import Message
from balon_client.progress import Progress
from balon_client.safety import describe_members
from balon_client.views import NameOf, View, message_view

FORMAT: Final = "balon-export"
VERSION: Final = 1
_GONE: Final = 404


class ExportEndedError(ClientError):
    """The session was locked or ended before an export was complete."""

    code = "export-ended"
    title = "The export was ended."
    detail = "Balon was locked or signed out before it was complete. Nothing of it was kept."


class Exporter:
    """Makes one export at a time; who asks meanwhile gets the same one. `end` cuts it off."""

    def __init__(self, chat: ChatParts) -> None:
        self._parts = chat.parts
        self._library = chat.library
        self._people = chat.people
        self._histories = chat.histories
        self._screen = chat.screen
        self._task: asyncio.Task[bytes] | None = None
        self._is_ended = False
        self._progress = Progress(chat.parts, "export")

    async def export_everything(self) -> bytes:
        """Collects all conversations with all messages.

        Returns:
            A ZIP archive, in clear.

        Raises:
            ExportEndedError: It was cut off.
            AnswerError: The list of conversations has no end.
            NetworkError: The server cannot be reached.
        """
        if self._task is None:
            self._task = asyncio.ensure_future(self._export())
            self._task.add_done_callback(self._forget)
        try:
            archive = await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if not self._is_ended:
                raise
            raise ExportEndedError from None
        if self._is_ended:
            raise ExportEndedError
        return archive

    def _forget(self, _task: "asyncio.Task[bytes]") -> None:
        self._task = None

    def end(self) -> None:
        """Cuts off what goes on: nothing in clear leaves after this."""
        self._is_ended = True
        if self._task is not None:
            self._task.cancel()

    # --- Collecting ---

    async def _export(self) -> bytes:
        self._parts.keyring.verify_current()
        self._progress = Progress(self._parts, "export")
        seen = set(self._parts.keyring.content.conversations)
        await self._read_list()
        with ExportArchive(self._parts.now_ms()) as archive:
            given = await self._fill(archive)
            # What is missing since the person deleted it meanwhile is in only one of the keyrings.
            missing = seen & set(self._parts.keyring.content.conversations) - given
            return archive.finish(self._head({id_ for id_ in missing if not await self._is_held(id_)}))

    async def _is_held(self, conversation_id: UUID) -> bool:
        """Whether a conversation is not listed since it waits for the end of a migration (section 12)."""
        if self._parts.keyring.content.no_plaintext:
            return False
        try:
            return (await self._parts.api.conversation(conversation_id)).id == conversation_id
        except ProblemError:
            return False

    async def _fill(self, archive: ExportArchive) -> set[UUID]:
        """Adds every conversation that the server gives; gives their ids."""
        conversations = [each for each in self._library.newest_first if not each.is_invitation]
        given: set[UUID] = set()
        for done, conversation in enumerate(conversations):
            self._progress.tell(done, len(conversations))
            if (messages := await self._read(conversation)) is not None:
                given.add(conversation.id)
                archive.add(self._view(conversation, messages))
        self._progress.tell(len(conversations), len(conversations))
        return given

    async def _read_list(self) -> None:
        """Reads the list to its end, then its top again: what was written to meanwhile has moved there."""
        await self._library.refresh()
        more, known = self._library.has_more, -1
        while more:
            if known == len(self._library.newest_first):
                raise AnswerError("conversations.next")
            known = len(self._library.newest_first)
            self._progress.tell(0, known)
            more = await self._library.load_older()
        await self._library.refresh()

    async def _read(self, conversation: Conversation) -> list[Message] | None:
        """All messages that can be had; None where the conversation is gone. What does not hold is an alarm of it."""
        history: History | None = None
        try:
            if conversation.roster is not None:
                await self._people.refresh_names(conversation)
                history = await self._histories.load(conversation)
                while history.has_more:
                    await history.load_older(LARGE_PAGE)
        except AlarmError as alarm:
            conversation.add_alarm(alarm)
        except ProblemError as error:
            if error.status != _GONE:
                raise
            return None
        self._screen.report(conversation)
        return history.messages if history else []

    # --- Views ---

    def _view(self, conversation: Conversation, messages: list[Message]) -> View:
        names, own_id = self._people.name_of, self._parts.account.user_id
        return {
            "id": str(conversation.id),
            "title": conversation.meta.title,
            "created_ms": conversation.created_ms,
            "updated_ms": conversation.updated_ms,
            "epoch": conversation.epoch,
            "members": describe_members(conversation, names),
            "alarms": [alarm.problem for alarm in conversation.alarms.values()],
            "messages": [_message_view(message, own_id, names) for message in messages],
        }

    def _head(self, not_given: set[UUID]) -> View:
        account, content = self._parts.account, self._parts.keyring.content
        return {
            "format": FORMAT,
            "version": VERSION,
            "exported_ms": self._parts.now_ms(),
            "account": {"user_id": str(account.user_id), "login": account.login},
            **_trust_view(content),
            "not_given": sorted(map(str, not_given)),
            "refused": sorted(map(str, self._library.refused)),
        }


def _message_view(message: Message, own_id: UUID, names: NameOf) -> View:
    view, payload = message_view(message, own_id, names), message.payload
    return {
        "id": view["id"],
        "position": message.position,
        "epoch": message.epoch,
        "author": view["author"],
        "role": payload.role if payload else None,
        "created_ms": view["created_ms"],
        "text": view["text"],
        "model": view["model"],
        "finish": view["finish"],
        "parent": str(payload.parent) if payload and payload.parent else None,
        "gateway_signature": payload.reply.to_json() if payload and payload.reply else None,
        "imported": view["imported"],
        "mark": view["mark"],
    }


def _trust_view(content: KeyringContent) -> dict[str, Any]:
    """Settings and pins: public keys of others, as they were accepted."""
    return {
        "settings": {"idle_minutes": content.settings.idle_minutes, "model": content.settings.model},
        "contacts": [
            {
                "user_id": str(user_id),
                "login": contact.login,
                "idk_pub": encode_b64u(contact.idk_pub),
                "first_seen_ms": contact.first_seen_ms,
                "verified_ms": contact.verified_ms,
                "former": [encode_b64u(key) for key in contact.former],
            }
            for user_id, contact in content.contacts.items()
        ],
        "gateways": [
            {"identity": encode_b64u(gateway.identity), "pinned_ms": gateway.pinned_ms} for gateway in content.gateways
        ],
    }
