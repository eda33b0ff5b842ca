"""The gateway as the browser sees it: verified, pinned, and the only one that prompts are sealed to (section 9)."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from balon.protocol.contexts import infer_info, stream_context
from balon.protocol.encoding import encode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.errors import StatementError
from balon.protocol.fingerprints import fingerprint_gateway
from balon.protocol.frames import REPLY_SECRET_SIZE, SealedRequest
from balon.protocol.statements import GatewayKey
from balon.protocol.types import Envelope
from balon_client.alarms import AnswerError, GatewayChangedError, GatewayKeyError
from balon_client.conversations import Conversation
from balon_client.errors import ClientError, ProblemError
from balon_client.keyring_model import PinnedGateway, pin_gateway
from balon_client.parts import Parts
from balon_client.ports import encode_json
from balon_client.problems import GatewayUnavailableError, UnknownModelError
from balon_client.prompts import PromptMessage
from balon_client.records import GatewayConfig
from balon_client.shared import Shared
from balon_client.wire import Fields, load_json

FIXED_GATEWAY_ID: Final[bytes | None] = None
"""A build may fix the gateway; otherwise its first use is trusted, and the page says so."""
MAX_AHEAD_MS: Final = 2 * 60 * 60 * 1000
_REFRESH_BEFORE_MS: Final = 60 * 1000


@dataclass(frozen=True, slots=True)
class Model:
    """A model on offer."""

    id: str
    name: str
    context_tokens: int
    demonstration: bool


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """The gateway's key after every check, and the models that its identity signed for."""

    statement: GatewayKey
    models: tuple[Model, ...]

    def find_model(self, model_id: object) -> Model:
        """The model of this id.

        Raises:
            UnknownModelError: It is not on offer.
        """
        for model in self.models:
            if model.id == model_id:
                return model
        raise UnknownModelError


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A sealed prompt with what is needed to follow its reply. `reply_secret` is secret (32 bytes)."""

    stream_id: UUID
    epoch: int
    request: bytes
    request_hash: bytes
    stream_env: Envelope
    enc: bytes
    reply_secret: bytes = field(repr=False)


class Gateway:
    """Fetches, verifies and pins the gateway's key, and keeps it until shortly before it expires."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keyring = parts.keyring
        self._key: VerifiedKey | None = None
        self._fetch_once = Shared(self._fetch)
        self._is_first_use = False

    async def key(self, *, fresh: bool = False) -> VerifiedKey:
        """The current key.

        Args:
            fresh: Fetch it again, since the gateway no longer knows the one before.

        Raises:
            GatewayKeyError: Signature, fields or expiry do not hold.
            GatewayChangedError: Another identity than the pinned one.
            GatewayUnavailableError: The gateway cannot be reached.
        """
        now = self._parts.now_ms()
        if self._key is None or fresh or self._key.statement.not_after_ms - _REFRESH_BEFORE_MS < now:
            self._key = None
            if fresh:
                self._fetch_once.renew()
            self._key = await self._fetch_once()
        return self._key

    async def meet(self) -> None:
        """Pins the gateway on first use, also of who only reads: without it nobody vouches for a reply.

        What goes wrong is told to whoever asks the model; until then replies are not confirmed.
        """
        if not self._keyring.content.gateways:
            with contextlib.suppress(ClientError):
                await self.key()

    async def describe(self) -> dict[str, Any]:
        """Models and identity for the page (docs/worker.md)."""
        key = await self.key()
        models = [
            {
                "id": model.id,
                "name": model.name,
                "context_tokens": model.context_tokens,
                "demonstration": model.demonstration,
            }
            for model in key.models
        ]
        return {"models": models, "gateway": self.pinned()}

    def pinned(self) -> dict[str, Any]:
        """The pinned identity for the page."""
        gateways = self._keyring.content.gateways
        if not gateways:
            return {"fingerprint": None, "pinned_ms": None, "first_use": True}
        current = gateways[-1]
        return {
            "fingerprint": fingerprint_gateway(current.gateway_id),
            "pinned_ms": current.pinned_ms,
            "first_use": self._is_first_use,
        }

    async def _fetch(self) -> VerifiedKey:
        now = self._parts.now_ms()
        try:
            config = await self._parts.api.inference_config()
        except ProblemError as error:
            if error.status in {502, 503, 504}:
                raise GatewayUnavailableError from None
            raise
        statement = self._read_statement(config, now)
        await self._verify_signature(config)
        await self._verify_pinned(config, now)
        return VerifiedKey(statement, _parse_models(config.models))

    def _read_statement(self, config: GatewayConfig, now: int) -> GatewayKey:
        """Everything that is used later comes from the signed statement; what travels beside it must agree."""
        try:
            statement = GatewayKey.parse(config.signed.statement)
        except StatementError:
            raise GatewayKeyError from None
        agrees = (
            statement.gateway_id == hashlib.sha256(config.identity).digest()
            and statement.key_id == config.key_id
            and statement.hpke_pub == config.hpke_pub
            and statement.not_after_ms == config.not_after_ms
            and statement.models_hash == hashlib.sha256(config.models).digest()
        )
        if not agrees or not now < statement.not_after_ms <= now + MAX_AHEAD_MS:
            raise GatewayKeyError
        return statement

    async def _verify_signature(self, config: GatewayConfig) -> None:
        item = (config.identity, config.signed.statement, config.signed.signature)
        (verified,) = await self._parts.crypto.verify_each([item])
        if verified is None:
            raise GatewayKeyError

    async def _verify_pinned(self, config: GatewayConfig, now: int) -> None:
        """Compares with the pinned identity. A first one is pinned for good before anything is sealed to it."""
        gateway_id = hashlib.sha256(config.identity).digest()
        if FIXED_GATEWAY_ID is not None and gateway_id != FIXED_GATEWAY_ID:
            raise GatewayChangedError
        if not self._keyring.content.gateways:
            self._is_first_use = FIXED_GATEWAY_ID is None
            self._keyring.change(pin_gateway(PinnedGateway(config.identity, gateway_id, now)))
        await self._keyring.save()  # Also a pin that could not be saved when it was made.
        if self._keyring.content.gateways[-1].gateway_id != gateway_id:
            raise GatewayChangedError

    async def seal_request(
        self, conversation: Conversation, model: Model, messages: list[PromptMessage], stream_id: UUID
    ) -> PreparedRequest:
        """Seals a prompt to the gateway and its reply secret to the conversation (section 9)."""
        key = (await self.key()).statement
        reply_secret = self._parts.platform.random.generate_bytes(REPLY_SECRET_SIZE)
        plaintext = encode_json(
            {"model": model.id, "messages": messages, "options": {}, "reply_secret": encode_b64u(reply_secret)}
        )
        info = infer_info(key.key_id, conversation.id, stream_id)
        crypto, epoch = self._parts.crypto, conversation.epoch
        sealed = await crypto.encapsulate_request(key.hpke_pub, info, plaintext)
        request = SealedRequest(key.key_id, conversation.id, stream_id, sealed.enc, sealed.ciphertext)
        context = stream_context(conversation.id, epoch, stream_id, self._parts.account.user_id)
        item = (context, reply_secret + sealed.enc)
        (stream_env,) = await crypto.seal_many(conversation.keys[epoch].root, Kind.STREAM, [item])
        return PreparedRequest(
            stream_id=stream_id,
            epoch=epoch,
            request=request.serialize(),
            request_hash=hashlib.sha256(request.sealed).digest(),
            stream_env=stream_env,
            enc=sealed.enc,
            reply_secret=reply_secret,
        )


def _parse_models(encoded: bytes) -> tuple[Model, ...]:
    try:
        items = Fields({"models": load_json(encoded)}, "inference-config").items("models")
        return tuple(map(_parse_model, items))
    except (AnswerError, ValueError, RecursionError):
        raise GatewayKeyError from None


def _parse_model(fields: Fields) -> Model:
    return Model(
        id=fields.text("id", limit=200),
        name=fields.text("name", limit=200),
        context_tokens=fields.integer("context_tokens"),
        demonstration=fields.flag("demonstration"),
    )
