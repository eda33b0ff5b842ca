"""A web tier in memory that keeps to docs/api.md, and lies when a test tells it to.

It checks what the real one checks of numbers and versions, not signatures: the client must not lean on it.
"""

import asyncio
import copy
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balon.protocol.encoding import decode_b64u, encode_b64u, parse_uuid
from balon.protocol.password import LEGACY_ALGORITHM
from balon.protocol.statements import AuthAction, AuthTranscript
from balon_client.errors import NetworkError, ProblemError, SocketClosedError
from balon_client.ports import Response
from inference.errors import RefusedError
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_migration import MIGRATION_ROUTES, Migrations
from tests.client.fake_rooms import WRITERS, Rooms, problem

ORIGIN = "https://balon.test"
RECORDS = ("kdf", "n", "salt", "mek_ver", "mek_env", "idk_env", "rsa_env", "bundle", "keyring")
WAITING_MS = 7 * 24 * 3600 * 1000
SESSION_MS = 14 * 24 * 3600 * 1000
ANONYMOUS_TOKEN = "token-of-nobody"
WINDOW = 256

Rewrite = Callable[[Any], Any]


@dataclass(frozen=True)
class Sent:
    """A request as it arrived."""

    method: str
    path: str
    body: Any
    session_id: str | None


@dataclass
class Lie:
    """Rewrites answers of one kind, a number of times."""

    method: str
    pattern: re.Pattern
    rewrite: Rewrite
    times: int
    jar: "Jar | None" = None

    def matches(self, ask: "Ask") -> bool:
        is_heard = self.jar in {None, ask.jar}
        return (
            is_heard and self.times > 0 and ask.method == self.method and self.pattern.fullmatch(ask.path) is not None
        )


@dataclass
class State:
    """Everything that the server keeps: plain values, so that a test may copy it and put it back."""

    accounts: dict = field(default_factory=dict)
    sessions: dict = field(default_factory=dict)
    challenges: dict = field(default_factory=dict)
    conversations: dict = field(default_factory=dict)
    streams: dict = field(default_factory=dict)
    migrations: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """A request on its way to what answers it."""

    jar: "Jar"
    session: dict | None
    method: str
    path: str
    query: dict
    content: Any
    body: bytes
    proof: str | None

    def matches(self, method: str, pattern: str) -> bool:
        return method == self.method and re.fullmatch(f"/api/v1/{pattern}", self.path) is not None


class FakeServer(Migrations, Rooms):
    """The server. `requests` is what it was asked; `lie` and `offline` make it hostile or dead."""

    def __init__(self, clock, state: State | None = None, gateway: FakeGateway | None = None) -> None:
        self.clock = clock
        self.state = copy.deepcopy(state) if state else State()
        self.gateway = gateway or FakeGateway(clock.now_ms)
        self.requests: list[Sent] = []
        self.connections: list[FakeConnection] = []
        self.offline = False
        self.held: set[str] = set()
        self.hold_frames_after: int | None = None
        self.frame_lie: Callable[[list], list] = list
        self.infer_refusals: list[str] = []
        self.gate: asyncio.Event | None = None
        self._lies: list[Lie] = []

    # --- For tests ---

    def lie(self, method: str, pattern: str, rewrite: Rewrite, times: int = 10**9, *, to=None) -> None:
        """From now on rewrites what it answers to these requests, of one tab's browser; `rewrite` may also raise."""
        jar = to.profile.jar if to is not None else None
        self._lies.append(Lie(method, re.compile(pattern), rewrite, times, jar))

    def be_honest(self) -> None:
        self._lies.clear()
        self.frame_lie = list

    def asked(self, method: str, pattern: str = ".*") -> list[Sent]:
        return [sent for sent in self.requests if sent.method == method and re.fullmatch(pattern, sent.path)]

    def drop_sockets(self, code: int = 1006) -> None:
        for connection in list(self.connections):
            connection.shut(code)

    def account_of(self, login: str) -> dict:
        return self.state.accounts[login]

    @property
    def only_conversation(self) -> dict:
        (conversation,) = self.state.conversations.values()
        return conversation

    # --- HTTP ---

    async def handle(self, jar: "Jar", method: str, path: str, query: dict, body: bytes | None, **headers) -> Response:
        await asyncio.sleep(0)
        session = self.state.sessions.get(jar.cookie)
        content = json.loads(body) if body else None
        self.requests.append(Sent(method, path, content, session["session_id"] if session else None))
        if self.gate is not None:
            await self.gate.wait()
        if self.offline:
            raise NetworkError
        expected = session["csrf"] if session else ANONYMOUS_TOKEN
        if method != "GET" and headers.get("csrf") != expected:
            raise problem(403, "csrf-refused")
        ask = Ask(jar, session, method, path, query, content, body or b"", headers.get("proof"))
        status, value = self._route(ask)
        value = copy.deepcopy(value)
        for lie in self._lies:
            if lie.matches(ask):
                lie.times -= 1
                value = lie.rewrite(value)
        return Response(status, value)

    def _route(self, ask: "Ask"):  # noqa: C901 - three tables, one after the other
        for method, pattern, status, handler in OPEN_ROUTES:
            if ask.matches(method, pattern):
                return status, handler(self, ask)
        if ask.session is None:
            raise problem(401, "signed-out")
        account = self._account_by_id(ask.session["user_id"])
        for method, pattern, status, handler in (*ACCOUNT_ROUTES, *MIGRATION_ROUTES):
            if ask.matches(method, pattern):
                return status, handler(self, ask, account)
        conversation = self.state.conversations.get(ask.path.split("/")[4] if ask.path.count("/") > 3 else "")
        if conversation is None or not self._is_seen_by(conversation, account, ask):
            raise problem(404, "not-found")
        for method, pattern, status, handler in CONVERSATION_ROUTES:
            if ask.matches(method, f"conversations/[^/]+{pattern}"):
                return status, handler(self, ask, account, conversation)
        raise problem(404, "not-found")

    def _is_seen_by(self, conversation: dict, account: dict, ask: "Ask") -> bool:
        """Members see a conversation; whoever just left may send their last entry again."""
        if account["user_id"] in self.members_of(conversation):
            return True
        sent = ask.content["entry"]["statement"] if ask.path.endswith("/roster") else None
        return any(record["statement"] == sent for record in conversation["roster"])

    def _session(self, ask):
        return self._active(ask.session) if ask.session else {"state": "none", "csrf": ANONYMOUS_TOKEN}

    def _log_out(self, ask, account):
        self._end_session(ask.jar.cookie)
        ask.jar.cookie = None

    # --- Accounts ---

    def _account_by_id(self, user_id: str) -> dict:
        return next(each for each in self.state.accounts.values() if each["user_id"] == user_id)

    def _prelogin(self, login: str) -> dict:
        account = self.state.accounts.get(login)
        challenge_id, challenge = str(uuid.uuid4()), encode_b64u(uuid.uuid4().bytes * 2)
        self.state.challenges[challenge_id] = (login, challenge)
        known = account or {
            "user_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, login)).replace("-5", "-4", 1),
            "kdf": "PBKDF2-SHA256",
            "n": 600_000,
            "salt": encode_b64u(hashlib.sha256(login.encode()).digest()),
        }
        return {
            "user_id": known["user_id"],
            "kdf": known["kdf"],
            "n": known["n"],
            "salt": known["salt"],
            "challenge_id": challenge_id,
            "challenge": challenge,
            "expires_in": 60,
        }

    def _verify(self, account: dict, action: AuthAction, proof: dict, body: bytes | None = None) -> None:
        login, challenge = self.state.challenges.pop(proof["challenge_id"], (None, None))
        if login != account["login"]:
            raise problem(401, "proof-refused")
        transcript = AuthTranscript(
            action=action,
            origin=ORIGIN,
            login=login,
            user_id=parse_uuid(account["user_id"]),
            challenge_id=parse_uuid(proof["challenge_id"]),
            challenge=decode_b64u(challenge),
            client_nonce=decode_b64u(proof["client_nonce"]),
            kdf=account["kdf"],
            iterations=account["n"],
            salt=decode_b64u(account["salt"]),
            body=body,
        )
        public = Ed25519PublicKey.from_public_bytes(decode_b64u(account["login_pub"]))
        try:
            public.verify(decode_b64u(proof["proof"]), transcript.serialize())
        except InvalidSignature:
            raise problem(401, "proof-refused") from None

    def _login(self, jar, content) -> dict:
        login, _ = self.state.challenges.get(content["challenge_id"], (None, None))
        account = self.state.accounts.get(login)
        if account is None:
            raise problem(401, "sign-in-refused")
        try:
            self._verify(account, AuthAction.LOGIN, content)
        except ProblemError:
            raise problem(401, "sign-in-refused") from None
        return self._begin(jar, account)

    def _sign_up(self, jar, content, body, proof) -> dict:
        challenge_id, nonce, signature = proof.split(".")
        if content["login"] in self.state.accounts:
            raise problem(409, "login-taken")
        account = {**content, "account_version": 1}
        parts = {"challenge_id": challenge_id, "client_nonce": nonce, "proof": signature}
        self._verify(account, AuthAction.SIGN_UP, parts, body)
        self.state.accounts[content["login"]] = account
        return self._begin(jar, account)

    def _upgrade(self, jar, content, body, proof) -> dict:
        """The first sign-in of an account from before encryption."""
        old = self.state.accounts.get(content["login"])
        if old is None or old["kdf"] != LEGACY_ALGORITHM:
            raise problem(401, "sign-in-refused")
        parts = dict(zip(("challenge_id", "client_nonce", "proof"), proof.split("."), strict=True))
        try:
            self._verify(old, AuthAction.LEGACY_UPGRADE, parts, body)
        except ProblemError:
            raise problem(401, "sign-in-refused") from None
        account = {**content, "account_version": 2}
        self.state.accounts[content["login"]] = account
        return self._begin(jar, account)

    def _begin(self, jar, account) -> dict:
        self._end_session(jar.cookie)
        jar.cookie = uuid.uuid4().hex
        self.state.sessions[jar.cookie] = {
            "session_id": str(uuid.uuid4()),
            "user_id": account["user_id"],
            "csrf": uuid.uuid4().hex,
            "created_ms": self.clock.now_ms(),
            "expires_at_ms": self.clock.now_ms() + SESSION_MS,
        }
        return self._active(self.state.sessions[jar.cookie], with_records=True)

    def _end_session(self, cookie: str | None) -> None:
        session = self.state.sessions.pop(cookie, None)
        for connection in [c for c in self.connections if session and c.session_id == session["session_id"]]:
            connection.deliver({"type": "session-ended", "reason": "signed-out"})
            connection.shut(4401)

    def _active(self, session, *, with_records: bool = False) -> dict:
        account = self._account_by_id(session["user_id"])
        active = {
            "state": "active",
            "user_id": account["user_id"],
            "login": account["login"],
            "account_version": account["account_version"],
            "session_id": session["session_id"],
            "expires_at_ms": session["expires_at_ms"],
            "csrf": session["csrf"],
        }
        return active | ({"records": {name: account[name] for name in RECORDS}} if with_records else {})

    # --- Sessions, deletion, disclosure ---

    def _sessions_of(self, account) -> dict:
        return {key: each for key, each in self.state.sessions.items() if each["user_id"] == account["user_id"]}

    def _list_sessions(self, ask, account) -> dict:
        rows = [
            {
                "session_id": each["session_id"],
                "created_ms": each["created_ms"],
                "last_used_ms": each["created_ms"],
                "expires_ms": each["expires_at_ms"],
                "device": "Chromium on Linux",
                "current": each is ask.session,
            }
            for each in self._sessions_of(account).values()
        ]
        return {"sessions": rows}

    def _end_one_session(self, ask, account) -> None:
        wanted = ask.path.rpartition("/")[2]
        found = [key for key, each in self._sessions_of(account).items() if each["session_id"] == wanted]
        if not found:
            raise problem(404, "not-found")
        self._end_session(found[0])

    def _end_other_sessions(self, ask, account) -> None:
        for key, each in self._sessions_of(account).items():
            if each is not ask.session:
                self._end_session(key)

    def _deletion(self, account) -> dict:
        return {"delete_after_ms": account.get("delete_after_ms")}

    def _request_deletion(self, ask, account) -> dict:
        parts = dict(zip(("challenge_id", "client_nonce", "proof"), ask.proof.split("."), strict=True))
        self._verify(account, AuthAction.DELETE_ACCOUNT, parts, ask.body)
        if ask.content != {"account_version": account["account_version"]}:
            raise problem(409, "version-conflict")
        account.setdefault("delete_after_ms", self.clock.now_ms() + WAITING_MS)
        return self._deletion(account)

    def _disclosure(self, account) -> dict:
        row = {"id": account["user_id"], "login": account["login"], "is_active": True, "account_version": 1}
        users = {"name": "accounts_user", "explanation": "The account.", "rows": [row | {"last": None}], "total": 1}
        messages = {"name": "conversations_message", "explanation": "Messages, sealed.", "rows": [], "total": 0}
        return {"tables": [users, messages]}

    def _put_keyring(self, account, content) -> dict:
        if content["version"] != account["keyring"]["version"] + 1:
            raise problem(409, "version-conflict")
        account["keyring"] = content
        self.notify("keyring", None, {account["user_id"]})
        return content

    # --- Socket ---

    def notify(self, what: str, conversation_id: str | None, user_ids: set[str] | None = None) -> None:
        if user_ids is None:
            found = self.state.conversations.get(conversation_id)
            user_ids = self.members_of(found) if found else {each["user_id"] for each in self.state.accounts.values()}
        for connection in list(self.connections):
            if self._user_of(connection) in user_ids:
                connection.deliver({"type": "notice", "what": what, "conversation_id": conversation_id})

    def _user_of(self, connection: "FakeConnection") -> str | None:
        sessions = self.state.sessions.values()
        return next((each["user_id"] for each in sessions if each["session_id"] == connection.session_id), None)

    def hello(self, jar: "Jar") -> dict:
        session = self.state.sessions.get(jar.cookie)
        if self.offline:
            raise NetworkError
        if session is None:
            return {"type": "session-ended", "reason": "none"}
        account = self._account_by_id(session["user_id"])
        return {"type": "hello", "session_id": session["session_id"], "account_version": account["account_version"]}

    def hear(self, connection: "FakeConnection", message: dict) -> None:
        kind = message["type"]
        if kind == "infer":
            self._infer(connection, message)
        elif kind == "subscribe":
            connection.subscriptions[message["stream_id"]] = message["after"]
            self._pump(connection, message["stream_id"])
        elif kind == "stop":
            self.release()
        elif kind == "presence":
            self._pass_on(connection, message)
        elif kind == "ping":
            connection.deliver({"type": "pong", "ref": message["ref"]})

    def _pass_on(self, connection, message) -> None:
        user_id = self._user_of(connection)
        members = self.members_of(self.state.conversations[message["conversation_id"]])
        for other in self.connections:
            if self._user_of(other) in members - {user_id}:
                other.deliver({**message, "user_id": user_id})

    def _infer(self, connection, message) -> None:
        stream_id = message["stream_id"]
        try:
            if self.infer_refusals:
                code = self.infer_refusals.pop(0)
                raise problem(400, code)
            conversation, user_id = self.state.conversations[message["conversation_id"]], self._user_of(connection)
            if self.role_in(conversation, user_id) not in WRITERS:
                raise problem(403, "not-found")
            self._require_epoch(conversation, message["epoch"])
            if stream_id not in self.state.streams:
                frames = self.gateway.answer(decode_b64u(message["request"]))
                self.state.streams[stream_id] = {
                    "conversation_id": message["conversation_id"],
                    "stream_id": stream_id,
                    "epoch": message["epoch"],
                    "sender_id": user_id,
                    "stream_env": message["stream_env"],
                    "created_ms": self.clock.now_ms(),
                    "ended": True,
                    "frames": frames,
                }
                self.notify("streams", message["conversation_id"])
        except (ProblemError, RefusedError) as error:
            code = error.problem_code if isinstance(error, ProblemError) else error.code
            refused = {"type": "refused", "ref": message["ref"], "stream_id": stream_id, "code": code}
            connection.deliver({**refused, "title": "", "detail": ""})
            return
        connection.deliver({"type": "accepted", "ref": message["ref"], "stream_id": stream_id})
        connection.subscriptions[stream_id] = -1
        self._pump(connection, stream_id)

    def _pump(self, connection, stream_id: str, *, all_of_it: bool = False) -> None:
        stream = self.state.streams.get(stream_id)
        if stream is None:
            connection.deliver({"type": "stream-ended", "stream_id": stream_id, "number": -1, "reason": "gone"})
            return
        after, last = connection.subscriptions[stream_id], len(stream["frames"]) - 1
        is_held = self.hold_frames_after is not None and not all_of_it
        released = min(last, self.hold_frames_after) if is_held else last
        frames = [(number, stream["frames"][number]) for number in range(after + 1, released + 1)]
        for number, frame in self.frame_lie(frames):
            connection.deliver({"type": "frame", "stream_id": stream_id, "number": number, "frame": frame})
        connection.subscriptions[stream_id] = max(after, released)
        if released == last:
            ended = {"type": "stream-ended", "stream_id": stream_id, "number": last, "reason": "complete"}
            connection.deliver(ended)

    def stop_streams(self, conversation_id: str, epoch: int) -> None:
        """Ends the replies of older epochs where they are: the gateway signs that they were stopped."""
        for stream in self.state.streams.values():
            if stream["conversation_id"] != conversation_id or stream["epoch"] >= epoch:
                continue
            sent = len(stream["frames"]) - 1 if self.hold_frames_after is None else self.hold_frames_after
            if sent < len(stream["frames"]) - 1:
                stream["frames"] = self.gateway.stop(stream["stream_id"], max(sent, 0))
                for connection in list(self.connections):
                    if stream["stream_id"] in connection.subscriptions:
                        self._pump(connection, stream["stream_id"], all_of_it=True)

    def release(self, after: int | None = None) -> None:
        """Lets frames go that were held: all, or those up to a number."""
        self.hold_frames_after = after
        for connection in list(self.connections):
            for stream_id in list(connection.subscriptions):
                if stream_id in self.state.streams:
                    self._pump(connection, stream_id)

    def end_streams(self, reason: str) -> None:
        """Says that no more frames will come."""
        for connection in list(self.connections):
            for stream_id, number in connection.subscriptions.items():
                connection.deliver({"type": "stream-ended", "stream_id": stream_id, "number": number, "reason": reason})


OPEN_ROUTES = [
    ("GET", "session", 200, FakeServer._session),
    ("POST", "accounts/prelogin", 200, lambda server, ask: server._prelogin(ask.content["login"])),
    ("POST", "accounts/login", 200, lambda server, ask: server._login(ask.jar, ask.content)),
    ("POST", "accounts/legacy", 201, lambda server, ask: server._upgrade(ask.jar, ask.content, ask.body, ask.proof)),
    ("POST", "accounts", 201, lambda server, ask: server._sign_up(ask.jar, ask.content, ask.body, ask.proof)),
]
ACCOUNT_ROUTES = [
    ("POST", "accounts/logout", 204, FakeServer._log_out),
    ("GET", "accounts/self", 200, lambda server, ask, _: server._active(ask.session, with_records=True)),
    ("GET", "accounts/sessions", 200, FakeServer._list_sessions),
    ("DELETE", "accounts/sessions", 204, FakeServer._end_other_sessions),
    ("DELETE", "accounts/sessions/[^/]+", 204, FakeServer._end_one_session),
    ("GET", "accounts/deletion", 200, lambda server, _ask, account: server._deletion(account)),
    ("POST", "accounts/deletion", 200, FakeServer._request_deletion),
    ("DELETE", "accounts/deletion", 204, lambda _server, _ask, account: account.pop("delete_after_ms", None) and None),
    ("GET", "accounts/disclosure", 200, lambda server, _ask, account: server._disclosure(account)),
    ("GET", "keys/keyring", 200, lambda _server, _ask, account: account["keyring"]),
    ("PUT", "keys/keyring", 200, lambda server, ask, account: server._put_keyring(account, ask.content)),
    ("POST", "keys/lookup", 200, lambda server, ask, _account: server._look_up(ask.content)),
    ("GET", "keys/users/[^/]+", 200, FakeServer._user),
    ("GET", "inference/config", 200, lambda server, _ask, _account: server.gateway.config()),
    ("GET", "conversations", 200, lambda server, ask, account: server._list(account, ask.query)),
    ("POST", "conversations", 201, lambda server, ask, account: server._create(account, ask.content)),
]
CONVERSATION_ROUTES = [
    ("GET", "", 200, lambda server, _ask, account, found: server._record(found, account)),
    ("DELETE", "", 204, FakeServer._delete),
    ("GET", "/messages", 200, lambda server, ask, account, found: server._page(account, found, ask.query)),
    ("POST", "/messages", 201, lambda server, ask, account, found: server._post(account, found, ask.content)),
    ("PUT", "/meta", 200, lambda server, ask, account, found: server._put_meta(account, found, ask.content)),
    ("GET", "/people", 200, lambda server, _ask, account, found: server._people(account, found)),
    ("POST", "/roster", 201, lambda server, ask, account, found: server._post_entry(account, found, ask.content)),
    ("GET", "/streams", 200, lambda server, _ask, account, found: server._streams(account, found)),
]


class Jar:
    """The cookies of one browser profile."""

    def __init__(self) -> None:
        self.cookie: str | None = None


class FakeHttp:
    """The port `Http` of one tab."""

    def __init__(self, server: FakeServer, jar: Jar) -> None:
        self._server = server
        self._jar = jar
        self.csrf_token: str | None = None

    async def request(self, method, path, *, query=None, body=None, proof=None, timeout_s=30.0) -> Response:
        return await self._server.handle(
            self._jar, method, path, dict(query or {}), body, csrf=self.csrf_token, proof=proof
        )


class FakeConnection:
    """The port `Connection`, and the server's end of it."""

    def __init__(self, server: FakeServer, session_id: str | None) -> None:
        self._server = server
        self._inbox: asyncio.Queue[str | int] = asyncio.Queue()
        self._close_code: int | None = None
        self.session_id = session_id
        self.subscriptions: dict[str, int] = {}
        self.sent: list[dict] = []

    def deliver(self, message: dict) -> None:
        if self._close_code is None:
            self._inbox.put_nowait(json.dumps(message))

    def shut(self, code: int) -> None:
        if self in self._server.connections:
            self._server.connections.remove(self)
        if self._close_code is None:
            self._close_code = code
            self._inbox.put_nowait(code)

    async def send(self, text: str) -> None:
        if self._close_code is not None:
            raise SocketClosedError(self._close_code)
        message = json.loads(text)
        self.sent.append(message)
        self._server.hear(self, message)

    async def receive(self) -> list[str]:
        messages: list[str] = []
        while not messages or not self._inbox.empty():
            found = await self._inbox.get()
            if isinstance(found, int):
                self._inbox.put_nowait(found)
                if messages:
                    return messages
                raise SocketClosedError(found)
            messages.append(found)
        return messages

    async def close(self) -> None:
        self.shut(1000)


class FakeSocket:
    """The port `Socket` of one tab."""

    def __init__(self, server: FakeServer, jar: Jar) -> None:
        self._server = server
        self._jar = jar
        self.is_dead = False

    async def connect(self, path, *, timeout_s=15.0) -> FakeConnection:
        await asyncio.sleep(0)
        if self.is_dead:
            raise NetworkError
        hello = self._server.hello(self._jar)
        connection = FakeConnection(self._server, hello.get("session_id"))
        self._server.connections.append(connection)
        connection.deliver(hello)
        if hello["type"] == "session-ended":
            connection.shut(4401)
        return connection
