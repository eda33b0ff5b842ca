"""Makes up exports as the products write them. Nobody ever said what is in them."""

import json
from typing import Any

from balon_client.imports import ImportedConversation, RefusedConversation, read_conversations, recognize
from balon_client.imports.limits import CLOCK_LEEWAY_MS, EARLIEST_MS, MAX_NAME, MAX_TITLE
from balon_client.payloads import Payload, parse_payload

KEY = bytes(range(32))
NOW_MS = 1_790_000_000_000
START_S = 1_700_000_000
SERVER_LIMIT = (1 << 20) - 256
"""What the server takes as the plaintext of a message, without padding."""


# --- Reading them ---


def encode(export: Any) -> bytes:
    return json.dumps(export).encode()


def read_bytes(
    raw: bytes, *, key: bytes = KEY, now_ms: int = NOW_MS
) -> list[ImportedConversation | RefusedConversation]:
    return list(read_conversations(raw, recognize(raw), id_key=key, now_ms=now_ms))


def read(*conversations: Any, key: bytes = KEY) -> list[ImportedConversation | RefusedConversation]:
    """Reads an export of these conversations, and looks at whatever comes out."""
    results = read_bytes(encode(list(conversations)), key=key)
    for result in results:
        check(result)
    return results


def read_one(conversation: Any, *, key: bytes = KEY) -> ImportedConversation:
    (result,) = read(conversation, key=key)
    assert isinstance(result, ImportedConversation), result
    return result


def refusal(conversation: Any) -> type:
    """Why a conversation is refused."""
    (result,) = read_bytes(encode([ChatGPT().build(), conversation]))[1:]
    assert isinstance(result, RefusedConversation), result
    return type(result.problem)


def spoken(conversation: ImportedConversation) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in conversation.messages]


def texts(conversation: ImportedConversation) -> list[str]:
    return [message.text for message in conversation.messages]


def left_out(conversation: ImportedConversation) -> dict[str, int]:
    return {str(kind): count for kind, count in conversation.left_out.items()}


def check(result: ImportedConversation | RefusedConversation) -> None:
    """What holds of everything that is read, whatever the file was."""
    if isinstance(result, RefusedConversation):
        assert result.problem.problem["title"]
        assert result.problem.__context__ is None
        assert result.problem.__traceback__ is None
        return
    check_title(result.title)
    assert result.messages
    assert len({result.id, *(message.id for message in result.messages)}) == len(result.messages) + 1
    assert all(count > 0 for count in result.left_out.values())
    before = EARLIEST_MS
    assert result.created_ms <= result.messages[0].created_ms
    for message in result.messages:
        assert before <= message.created_ms <= NOW_MS + CLOCK_LEEWAY_MS
        before = message.created_ms
        payload = Payload(role=message.role, text=message.text, model=message.model, parent=message.id)
        encoded = payload.serialize()
        assert len(encoded) < SERVER_LIMIT
        assert parse_payload(encoded) == payload
        assert message.text.strip()
        assert message.role in {"user", "assistant"}
        assert message.model is None or 0 < len(message.model) <= MAX_NAME
        assert len(message.source_id) <= MAX_NAME


def check_title(title: str | None) -> None:
    if title is not None:
        assert 0 < len(title) <= MAX_TITLE
        assert title.splitlines() == [title]
        title.encode()


# --- ChatGPT ---


class ChatGPT:
    """One conversation of conversations.json, node by node; each answers the one before unless told otherwise."""

    def __init__(self, title: Any = "Coasts of the north", conversation_id: Any = "chat-1", **fields: Any) -> None:
        root = {"id": "root", "message": None, "parent": None, "children": []}
        self.mapping: dict[str, Any] = {"root": root}
        self.last = "root"
        self.fields = {"title": title, "create_time": START_S + 0.25, "conversation_id": conversation_id, **fields}

    def node(self, role: str, content: Any, *, parent: str | None = None, name: str = "", **message: Any) -> str:
        """Adds a node; `content` is text, or the whole content."""
        name = name or f"node-{len(self.mapping)}"
        at = parent if parent is not None else self.last
        whole = content if isinstance(content, dict) else {"content_type": "text", "parts": [content]}
        made = {
            "id": name,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": START_S + len(self.mapping) + 0.5,
            "update_time": None,
            "content": whole,
            "status": "finished_successfully",
            "weight": 1.0,
            "recipient": "all",
            "channel": None,
            **message,
        }
        made["metadata"] = {"request_id": "r", **message.get("metadata", {})}
        self.mapping[name] = {"id": name, "message": made, "parent": at, "children": []}
        if at in self.mapping:
            self.mapping[at]["children"].append(name)
        self.last = name
        return name

    def ask(self, text: str, **more: Any) -> str:
        return self.node("user", text, **more)

    def reply(self, text: str, *, model: str = "gpt-imagined", **more: Any) -> str:
        return self.node("assistant", text, metadata={"model_slug": model, **more.pop("metadata", {})}, **more)

    def build(self, **fields: Any) -> dict[str, Any]:
        if len(self.mapping) == 1:
            self.ask("What is a fjord?")
            self.reply("A drowned valley.")
        return {"mapping": self.mapping, "current_node": self.last, **self.fields, **fields}


# --- Open WebUI ---


class OpenWebUI:
    """One chat of an export of Open WebUI."""

    def __init__(self, title: Any = "Coasts of the south", chat_id: Any = "chat-2") -> None:
        self.messages: dict[str, Any] = {}
        self.last: str | None = None
        self.title = title
        self.chat_id = chat_id

    def add(self, role: str, content: Any, *, parent: str | None = None, name: str = "", **more: Any) -> str:
        name = name or f"message-{len(self.messages)}"
        at = parent if parent is not None else self.last
        made = {"id": name, "parentId": at, "childrenIds": [], "role": role, "content": content}
        self.messages[name] = {**made, "timestamp": START_S + len(self.messages), **more}
        if at in self.messages:
            self.messages[at]["childrenIds"].append(name)
        self.last = name
        return name

    def ask(self, text: Any, **more: Any) -> str:
        return self.add("user", text, **more)

    def reply(self, text: Any, *, model: str = "imagined:7b", **more: Any) -> str:
        return self.add("assistant", text, model=model, **more)

    def build(self, **fields: Any) -> dict[str, Any]:
        if not self.messages:
            self.ask("What is a ria?")
            self.reply("Another drowned valley.")
        history = {"currentId": self.last, "messages": self.messages}
        chat = {
            "id": "",
            "title": self.title,
            "models": ["imagined:7b"],
            "history": history,
            "timestamp": START_S * 1000,
        }
        wrapper = {"id": self.chat_id, "user_id": "u", "title": self.title, "chat": chat}
        return {**wrapper, "created_at": START_S, "updated_at": START_S, "archived": False, "meta": {}, **fields}


# --- LibreChat ---

NO_PARENT = "00000000-0000-0000-0000-000000000000"


class LibreChat:
    """The conversation of an export of LibreChat, as a list or nested."""

    def __init__(self, title: Any = "Coasts of the east", conversation_id: Any = "chat-3") -> None:
        self.messages: list[dict[str, Any]] = []
        self.fields = {"conversationId": conversation_id, "endpoint": "openAI", "title": title, "exportAt": "12:00:00"}

    def add(self, text: Any, *, mine: bool, parent: str | None = None, name: str = "", **more: Any) -> str:
        count = len(self.messages)
        before = self.messages[-1]["messageId"] if self.messages else NO_PARENT
        made = {
            "messageId": name or f"m{count}",
            "parentMessageId": parent if parent is not None else before,
            "conversationId": self.fields["conversationId"],
            "sender": "User" if mine else "Imagined",
            "isCreatedByUser": mine,
            "text": text,
            "createdAt": f"2024-05-01T16:{count // 60 % 60:02}:{count % 60:02}.500Z",
            "model": None if mine else "imagined-large",
            "unfinished": False,
            "error": False,
            **more,
        }
        self.messages.append(made)
        return made["messageId"]

    def ask(self, text: Any, **more: Any) -> str:
        return self.add(text, mine=True, **more)

    def reply(self, text: Any, **more: Any) -> str:
        return self.add(text, mine=False, **more)

    def build(self, **fields: Any) -> dict[str, Any]:
        """With the messages in a list."""
        if not self.messages:
            self.ask("What is a skerry?")
            self.reply("A rock in the sea.")
        return {**self.fields, "branches": True, "recursive": False, "messages": self.messages, **fields}

    def nest(self, under: str = "messages") -> dict[str, Any]:
        """With each message inside the one before, as LibreChat does unless told otherwise."""
        copies = {each["messageId"]: {**each, "children": []} for each in self.build()["messages"]}
        tops = []
        for each in copies.values():
            above = copies.get(each["parentMessageId"])
            (above["children"] if above else tops).append(each)
        built = {**self.build(), "recursive": True}
        del built["messages"]
        return {**built, under: tops}
