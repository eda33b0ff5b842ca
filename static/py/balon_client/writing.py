"""Writing: a message is saved, then its prompt goes to the gateway (docs/protocol.md sections 8 and 9)."""

from typing import Final
from uuid import UUID

from balon_client.arguments import check_text, parse_id
from balon_client.chain import FIRST_POSITION
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.history import LARGE_PAGE, History
from balon_client.inference import Model
from balon_client.messages import Draft, Message
from balon_client.payloads import Payload
from balon_client.problems import NotSentError, NotWritableError, ReplyRunningError, TextRefusedError, TooLongError
from balon_client.prompts import build_prompt, fits_more, prompt_budget

_MOST_PROMPT_PAGES: Final = 5


class Writer:
    """Sends messages and asks for replies."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._parts = chat.parts
        self._screen = chat.screen
        self._histories = chat.histories
        self._streams = chat.streams
        self._unsent: dict[UUID, Draft] = {}
        self._unsent_new: tuple[Conversation, str] | None = None

    async def send(self, raw_id: object, text: object, model_id: object) -> dict[str, str]:
        """Saves a message and puts its prompt on the way to the gateway.

        The gateway is verified first: after an alarm about it not even the message is stored (A51).
        """
        checked = check_text(text)
        model = await self._model(model_id)
        if len(checked) > prompt_budget(model.context_tokens):
            raise TooLongError
        conversation = await self._target(raw_id, checked)
        history = await self._histories.of(conversation)
        message = await self._post(conversation, history, checked, model)
        reply_id = await self._ask(conversation, history, message, model)
        return {"conversation_id": str(conversation.id), "message_id": str(message.id), "reply_id": str(reply_id)}

    async def ask_again(self, raw_id: object, model_id: object) -> dict[str, str]:
        """Asks for a new reply to the newest message of a person."""
        model = await self._model(model_id)
        conversation = await self._writable(parse_id(raw_id))
        history = await self._histories.of(conversation)
        question = _newest_question(history)
        while question is None and history.has_more:
            await history.load_older(LARGE_PAGE)
            question = _newest_question(history)
        if question is None:
            raise TextRefusedError
        return {"reply_id": str(await self._ask(conversation, history, question, model))}

    async def stop(self, raw_id: object, raw_reply_id: object) -> None:
        """Asks the gateway to stop a reply."""
        conversation_id, stream_id = parse_id(raw_id), parse_id(raw_reply_id)
        if any(running.stream_id == stream_id for running in self._streams.running_in(conversation_id)):
            await self._streams.stop(stream_id)

    def forget(self, conversation_id: UUID) -> None:
        """Forgets what was not sent to a conversation that is gone."""
        self._unsent.pop(conversation_id, None)
        if self._unsent_new and self._unsent_new[0].id == conversation_id:
            self._unsent_new = None

    # --- Where to, and with which model ---

    async def _model(self, model_id: object) -> Model:
        """The model that was asked for, or the person's own choice; nothing is sent with a keyring of doubt (A14)."""
        self._parts.keyring.verify_current()
        key = await self._chat.gateway.key()
        if model_id is None and key.models:
            offered = {model.id for model in key.models}
            chosen = self._parts.keyring.content.settings.model
            return key.find_model(chosen if chosen in offered else key.models[0].id)
        return key.find_model(model_id)

    async def _target(self, raw_id: object, text: str) -> Conversation:
        return await self._new_conversation(text) if raw_id is None else await self._writable(parse_id(raw_id))

    async def _writable(self, conversation_id: UUID) -> Conversation:
        conversation = self._chat.library.get(conversation_id) or await self._chat.verified(conversation_id)
        self._check_writable(conversation)
        return conversation

    def _check_writable(self, conversation: Conversation) -> None:
        if not conversation.is_writable or not conversation.may_write(self._parts.account.user_id):
            raise NotWritableError
        if any(running.is_streaming for running in self._streams.running_in(conversation.id)):
            raise ReplyRunningError

    async def _new_conversation(self, text: str) -> Conversation:
        """Makes a conversation; one whose first message was not sent is used for the same message again."""
        if self._unsent_new and self._unsent_new[1] == text and self._unsent_new[0].is_writable:
            return self._unsent_new[0]
        turn = self._screen.begin_opening()
        conversation = await self._chat.library.create()
        self._unsent_new = (conversation, text)
        if self._screen.is_turn(turn):
            self._screen.open(conversation, FIRST_POSITION)
        self._histories.begin(conversation)
        return conversation

    # --- The message ---

    async def _post(self, conversation: Conversation, history: History, text: str, model: Model) -> Message:
        """Posts a person's message. One that may or may not have been stored keeps its id when it is sent again."""
        draft = self._unsent.get(conversation.id)
        if draft is None or draft.payload.text != text:
            draft = self._draft(history, text, model)
        self._unsent[conversation.id] = draft
        try:
            message = await self._chat.sender.post(conversation, history, draft)
        except ClientError as error:
            if not isinstance(error, NotSentError):
                self._unsent.pop(conversation.id, None)
            self._screen.report(conversation)
            raise
        self._unsent.pop(conversation.id, None)
        self._unsent_new = None
        self._screen.show(conversation, self._screen.view(message))
        self._chat.library.touch(conversation, message.created_ms)
        return message

    def _draft(self, history: History, text: str, model: Model) -> Draft:
        newest = history.messages[-1].id if history.messages else None
        payload = Payload(role="user", text=text, parent=newest, model=model.id)
        return Draft(self._parts.platform.random.uuid7(), self._parts.now_ms(), payload)

    # --- The prompt ---

    async def _ask(self, conversation: Conversation, history: History, message: Message, model: Model) -> UUID:
        budget = prompt_budget(model.context_tokens)
        for _ in range(_MOST_PROMPT_PAGES):
            if not history.has_more or not fits_more(history.messages, budget):
                break
            await history.load_older(LARGE_PAGE)
        self._screen.report(conversation)
        self._check_writable(conversation)
        asked = [each for each in history.messages if each.position <= message.position]
        prompt = build_prompt(asked, budget, self._parts.account.user_id)
        reply_id = await self._streams.ask(conversation, model, prompt, message.id)
        self._chat.library.publish()
        return reply_id


def _newest_question(history: History) -> Message | None:
    return next((m for m in reversed(history.messages) if m.payload and m.payload.role == "user"), None)
