"""Writing: a message is saved, then its prompt goes to the gateway (docs/protocol.md sections 8 and 9)."""

from typing import Final
from uuid import UUID

from balon_client import mentions
from balon_client.arguments import check_text, parse_id
from balon_client.chain import FIRST_POSITION
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.errors import ClientError
from balon_client.history import LARGE_PAGE, History
from balon_client.inference import Model
from balon_client.keyring_model import note_read
from balon_client.messages import Draft, Message, newest_question
from balon_client.payloads import Payload
from balon_client.problems import InvitedError, ReplyRunningError, TextRefusedError, TooLongError
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

    async def send(self, raw_id: object, text: object, model_id: object) -> dict[str, str | None]:
        """Saves a message and, if it is for the model, puts its prompt on the way to the gateway.

        The gateway is verified first: after an alarm about it not even the message is stored (A51).
        """
        checked = check_text(text)
        self._parts.keyring.verify_current()
        known = None if raw_id is None else await self._writable(parse_id(raw_id))
        if known is not None:
            await self._chat.metas.settle(known)
        is_for_model = known is None or mentions.is_for_model(known.meta, checked)
        if known is not None and is_for_model:
            self._verify_silent(known)
        model = await self._model(model_id) if is_for_model else None
        if model is not None and len(checked) > prompt_budget(model.context_tokens):
            raise TooLongError
        conversation = known or await self._new_conversation(checked)
        history = await self._histories.of(conversation)
        message = await self._post(conversation, history, checked, model)
        reply_id = None if model is None else str(await self._ask(conversation, history, message, model))
        return {"conversation_id": str(conversation.id), "message_id": str(message.id), "reply_id": reply_id}

    async def ask_again(self, raw_id: object, model_id: object) -> dict[str, str]:
        """Asks for a new reply to the newest message that a person sealed for the model."""
        self._parts.keyring.verify_current()
        model = await self._model(model_id)
        conversation = await self._writable(parse_id(raw_id))
        self._verify_silent(conversation)
        history = await self._histories.of(conversation)
        question = newest_question(history.messages)
        while question is None and history.has_more:
            await history.load_older(LARGE_PAGE)
            question = newest_question(history.messages)
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
        """The model that was asked for, or the person's own choice."""
        key = await self._chat.gateway.key()
        if model_id is None and key.models:
            offered = {model.id for model in key.models}
            chosen = self._parts.keyring.content.settings.model
            return key.find_model(chosen if chosen in offered else key.models[0].id)
        return key.find_model(model_id)

    async def _writable(self, conversation_id: UUID) -> Conversation:
        conversation = self._chat.library.get(conversation_id) or await self._chat.verified(conversation_id)
        if conversation.is_invitation:
            raise InvitedError
        conversation.verify_writable()
        return conversation

    def _verify_silent(self, conversation: Conversation) -> None:
        """One reply at a time: the next question waits for it. What people write to each other does not."""
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

    async def _post(self, conversation: Conversation, history: History, text: str, model: Model | None) -> Message:
        """Posts a person's message. Until it is known to be stored, the same text sent again keeps its id."""
        draft = self._unsent.get(conversation.id)
        if draft is None or draft.payload.text != text or (draft.payload.model is None) != (model is None):
            draft = self._draft(history, text, model)
        self._unsent[conversation.id] = draft
        try:
            message = await self._chat.sender.post(conversation, history, draft)
        except ClientError:
            self._screen.report(conversation)
            raise
        self._unsent.pop(conversation.id, None)
        self._unsent_new = None
        self._screen.show(conversation, self._screen.view(message))
        self._chat.library.touch(conversation, message.created_ms)
        self._parts.keyring.change(note_read(conversation.id, message.position))
        return message

    def _draft(self, history: History, text: str, model: Model | None) -> Draft:
        newest = history.messages[-1].id if history.messages else None
        payload = Payload(role="user", text=text, parent=newest, model=model.id if model else None)
        return Draft(self._parts.platform.random.uuid7(), self._parts.now_ms(), payload)

    # --- The prompt ---

    async def _ask(self, conversation: Conversation, history: History, message: Message, model: Model) -> UUID:
        budget = prompt_budget(model.context_tokens)
        for _ in range(_MOST_PROMPT_PAGES):
            if not history.has_more or not fits_more(history.messages, budget):
                break
            await history.load_older(LARGE_PAGE)
        self._screen.report(conversation)
        conversation.verify_writable()
        await self._chat.rosters.renew_key(conversation)
        asked = [each for each in history.messages if each.position <= message.position]
        prompt = build_prompt(asked, budget, self._parts.account.user_id, self._chat.people.name_of)
        reply_id = await self._streams.ask(conversation, model, prompt, message.id)
        self._chat.library.publish()
        return reply_id
