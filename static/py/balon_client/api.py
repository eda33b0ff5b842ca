"""The REST calls of docs/api.md: typed requests out, parsed records in. Only sealed and signed bytes leave here."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from balon.protocol.encoding import encode_b64u
from balon.protocol.types import Envelope, Signature
from balon_client.account_records import (
    DisclosedTable,
    SessionItem,
    parse_deletion,
    parse_disclosure,
    parse_sessions,
)
from balon_client.conversation_records import (
    ConversationPage,
    ConversationRecord,
    MessagePage,
    MessageRecord,
    StreamRecord,
)
from balon_client.creating import NewConversation
from balon_client.errors import ProblemError
from balon_client.ports import Http, encode_json
from balon_client.problems import SignedOutError
from balon_client.records import Active, GatewayConfig, KeyringRecord, Prelogin, Signed
from balon_client.wire import Fields

PAGE: Final = 50
TIMEOUT_S: Final = 30.0
_CSRF_CODE: Final = "csrf-refused"
_LEGACY_PATH: Final = "/api/v1/accounts/legacy"
_OPEN_PATHS: Final = (
    "/api/v1/accounts/login",
    "/api/v1/accounts/prelogin",
    "/api/v1/accounts",
    _LEGACY_PATH,
    "/api/v1/session",
)
_SESSIONS_PATH: Final = "/api/v1/accounts/sessions"
_DELETION_PATH: Final = "/api/v1/accounts/deletion"
_RECOVERY_PATH: Final = "/api/v1/accounts/recovery"
_REFUSED_PROOF: Final = "proof-refused"


def signed_json(signed: Signed) -> dict[str, str]:
    """A signed statement as it travels."""
    return {"statement": encode_b64u(signed.statement), "signature": encode_b64u(signed.signature)}


def creation_json(made: NewConversation) -> dict[str, Any]:
    """A new conversation as it travels."""
    return {
        "conversation_id": str(made.id),
        "roster": signed_json(made.roster.signed),
        "grant": {**signed_json(made.grant), "wrapped": encode_b64u(made.wrapped)},
    }


def message_json(message: MessageRecord) -> dict[str, Any]:
    """A sealed message as it travels; its place is the server's to give."""
    return {
        "message_id": str(message.message_id),
        "epoch": message.epoch,
        "seq": message.seq,
        "prev_hash": encode_b64u(message.prev_hash),
        "created_ms": message.created_ms,
        "envelope": encode_b64u(message.envelope),
        "signature": encode_b64u(message.signature),
    }


class Api:
    """Speaks to the web tier: for one session, or for nobody yet."""

    def __init__(
        self, http: Http, *, session_id: str | None = None, on_session_ended: Callable[[], None] | None = None
    ) -> None:
        """Makes it.

        Args:
            http: The port.
            session_id: The session that it speaks for.
            on_session_ended: Called when the server says that this session is over.
        """
        self._http = http
        self._session_id = session_id
        self._on_session_ended = on_session_ended
        self._is_closed = False

    def close(self) -> None:
        """Sends nothing more: whatever still runs for this session must not reach the next one (A48)."""
        self._is_closed = True

    async def _request(  # noqa: PLR0913 - those of the port
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        proof: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        encoded = body if body is None or isinstance(body, bytes) else encode_json(body)
        self._verify_open()
        try:
            response = await self._http.request(
                method, path, query=query, body=encoded, proof=proof, timeout_s=timeout_s
            )
        except ProblemError as error:
            if error.problem_code != _CSRF_CODE:
                self._note_refusal(path, error)
                raise
            # Another tab signed in or out, which changes the token (docs/api.md): ask once for the new one.
            await self._renew_token(path)
            self._verify_open()
            response = await self._http.request(
                method, path, query=query, body=encoded, proof=proof, timeout_s=timeout_s
            )
        return response.value

    def _verify_open(self) -> None:
        if self._is_closed:
            raise SignedOutError

    async def _renew_token(self, path: str) -> None:
        """Fetches the token again; never writes into the session of someone who signed in meanwhile (A48)."""
        active = await self.session()
        if not _is_open(path) and (active is None or active.session_id != self._session_id):
            self._tell_ended()
            raise SignedOutError

    def _note_refusal(self, path: str, error: ProblemError) -> None:
        if error.status == 401 and error.problem_code != _REFUSED_PROOF and not _is_open(path):
            self._tell_ended()

    def _tell_ended(self) -> None:
        if self._on_session_ended is not None and not self._is_closed:
            self._on_session_ended()

    # --- Accounts ---

    async def session(self) -> Active | None:
        """The open session, or None. Keeps the CSRF token either way."""
        response = await self._http.request("GET", "/api/v1/session")
        fields = Fields(response.value, "session")
        if fields.text("state", limit=16) == "none":
            self._http.csrf_token = fields.text("csrf", limit=512)
            return None
        return self._keep_token(Active.parse(response.value, with_records=False))

    async def prelogin(self, login: str) -> Prelogin:
        """Asks for derivation parameters and a challenge."""
        await self._ensure_token()
        return Prelogin.parse(await self._request("POST", "/api/v1/accounts/prelogin", {"login": login}))

    async def login(self, challenge_id: UUID, client_nonce: bytes, proof: Signature) -> Active:
        """Proves knowledge of the password (section 5)."""
        body = {
            "challenge_id": str(challenge_id),
            "client_nonce": encode_b64u(client_nonce),
            "proof": encode_b64u(proof),
        }
        answer = await self._request("POST", "/api/v1/accounts/login", body)
        return self._keep_token(Active.parse(answer, with_records=True))

    async def sign_up(self, body: bytes, proof: str) -> Active:
        """Creates an account; `body` is sent exactly as the proof covers it."""
        response = await self._http.request("POST", "/api/v1/accounts", body=body, proof=proof)
        return self._keep_token(Active.parse(response.value, with_records=True))

    async def upgrade_legacy(self, body: bytes, proof: str) -> Active:
        """Gives an account from before encryption its keys; `body` is sent exactly as the proof covers it."""
        response = await self._http.request("POST", _LEGACY_PATH, body=body, proof=proof)
        return self._keep_token(Active.parse(response.value, with_records=True))

    async def logout(self) -> None:
        """Ends the session on the server."""
        await self._ensure_token()
        await self._request("POST", "/api/v1/accounts/logout", {})

    async def account(self) -> Active:
        """The open session with the account's sealed records."""
        answer = await self._request("GET", "/api/v1/accounts/self")
        return self._keep_token(Active.parse(answer, with_records=True))

    async def sessions(self) -> list[SessionItem]:
        """Where the account is signed in."""
        return parse_sessions(await self._request("GET", _SESSIONS_PATH))

    async def end_session(self, session_id: UUID) -> None:
        """Ends a session of the account."""
        await self._request("DELETE", f"{_SESSIONS_PATH}/{session_id}")

    async def end_other_sessions(self) -> None:
        """Ends every session of the account but this one."""
        await self._request("DELETE", _SESSIONS_PATH)

    async def deletion(self) -> int | None:
        """When the account goes, if that was asked for."""
        return parse_deletion(await self._request("GET", _DELETION_PATH), is_asked_for=False)

    async def request_deletion(self, body: bytes, proof: str) -> int | None:
        """Asks for the deletion of the account; `body` is sent exactly as the proof covers it."""
        return parse_deletion(await self._request("POST", _DELETION_PATH, body, proof=proof), is_asked_for=True)

    async def cancel_deletion(self) -> None:
        """Keeps the account."""
        await self._request("DELETE", _DELETION_PATH)

    async def disclosure(self) -> list[DisclosedTable]:
        """All that the operator could hand over about the account."""
        return parse_disclosure(await self._request("GET", "/api/v1/accounts/disclosure"))

    async def _ensure_token(self) -> None:
        if self._http.csrf_token is None:
            await self.session()

    def _keep_token(self, active: Active) -> Active:
        self._http.csrf_token = active.csrf
        return active

    # --- Keys ---

    async def keyring(self) -> KeyringRecord:
        """The stored keyring."""
        return KeyringRecord.parse(Fields(await self._request("GET", "/api/v1/keys/keyring"), "keyring"))

    async def put_keyring(self, version: int, envelope: Envelope) -> None:
        """Stores the next version of the keyring."""
        await self._request("PUT", "/api/v1/keys/keyring", {"version": version, "envelope": encode_b64u(envelope)})

    # --- Conversations ---

    async def conversations(self, cursor: str | None) -> ConversationPage:
        """A page of the list."""
        query: dict[str, str | int] = {"limit": PAGE} if cursor is None else {"limit": PAGE, "cursor": cursor}
        return ConversationPage.parse(await self._request("GET", "/api/v1/conversations", query=query))

    async def create_conversation(self, made: NewConversation) -> ConversationRecord:
        """Creates a conversation; the same bytes again succeed."""
        answer = await self._request("POST", "/api/v1/conversations", creation_json(made))
        return ConversationRecord.parse(Fields(answer, "conversation"))

    async def conversation(self, conversation_id: UUID) -> ConversationRecord:
        """One conversation."""
        answer = await self._request("GET", conversation_path(conversation_id))
        return ConversationRecord.parse(Fields(answer, "conversation"))

    async def delete_conversation(self, conversation_id: UUID) -> None:
        """Deletes a conversation."""
        await self._request("DELETE", conversation_path(conversation_id))

    async def messages(
        self, conversation_id: UUID, *, before: int | None = None, after: int | None = None, limit: int = PAGE
    ) -> MessagePage:
        """A page of messages, the newest when neither position is given."""
        query: dict[str, str | int] = {"limit": limit}
        if before is not None:
            query["before"] = before
        if after is not None:
            query["after"] = after
        return MessagePage.parse(
            await self._request("GET", conversation_path(conversation_id, "messages"), query=query)
        )

    async def post_message(self, conversation_id: UUID, message: MessageRecord) -> int:
        """Stores a sealed message; gives its position. Idempotent for the same bytes."""
        answer = await self._request("POST", conversation_path(conversation_id, "messages"), message_json(message))
        return Fields(answer, "message").integer("position", least=1)

    async def put_meta(
        self, conversation_id: UUID, *, meta_version: int, epoch: int, envelope: Envelope, signature: Signature
    ) -> None:
        """Stores the next version of title and settings."""
        body = {
            "meta_version": meta_version,
            "epoch": epoch,
            "envelope": encode_b64u(envelope),
            "signature": encode_b64u(signature),
        }
        await self._request("PUT", conversation_path(conversation_id, "meta"), body)

    async def streams(self, conversation_id: UUID) -> list[StreamRecord]:
        """The replies that are not saved yet."""
        answer = await self._request("GET", conversation_path(conversation_id, "streams"))
        return list(map(StreamRecord.parse, Fields(answer, "streams").items("streams")))

    # --- Inference ---

    async def inference_config(self) -> GatewayConfig:
        """The gateway's signed key config, unverified."""
        return GatewayConfig.parse(await self._request("GET", "/api/v1/inference/config"))


def _is_open(path: str) -> bool:
    """Whether a request is for whoever has no session yet."""
    return path in _OPEN_PATHS or path.startswith(_RECOVERY_PATH)


def conversation_path(conversation_id: UUID, part: str = "") -> str:
    """The path of a conversation, or of a part of it."""
    path = f"/api/v1/conversations/{conversation_id}"
    return f"{path}/{part}" if part else path
