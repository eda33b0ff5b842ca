"""The fake server with accounts that change, and a network that breaks at a chosen request."""

import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balon.protocol.encoding import decode_b64u, encode_b64u, parse_uuid
from balon.protocol.errors import OutdatedEntryError
from balon.protocol.statements import AuthAction, AuthTranscript
from balon_client.errors import ClientError, NetworkError
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_rooms import roster_of, subject_of
from tests.client.fake_server import ORIGIN, FakeServer, problem
from tests.client.tab import Profile

ACTIONS = {
    "password": AuthAction.CHANGE_PASSWORD,
    "login-name": AuthAction.CHANGE_LOGIN,
    "kdf": AuthAction.KDF_UPGRADE,
}
REPLACED = ("kdf", "n", "salt", "login_pub", "mek_ver", "mek_env")
RENEWED = (*REPLACED, "idk_env", "rsa_env", "keyring", "recovery")


@dataclass
class Break:
    """Where the network breaks: at the n-th request to these paths, before or after the server acts, once or for good."""

    at: int
    acted: bool
    for_good: bool
    seen: int = 0


class ChangingServer(FakeServer):
    """Changes accounts as docs/api.md says."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.spent: dict[str, dict] = {}
        self.break_at: Break | None = None

    @property
    def changes(self) -> list[str]:
        """The requests that would have changed an account."""
        wanted = "/api/v1/accounts/(password|login-name|kdf|recovery|keys)"
        return [sent.path for sent in self.asked("POST", wanted)]

    @property
    def derived(self) -> list[str]:
        """The requests that carry something derived from a password or a kit."""
        wanted = "/api/v1/accounts/(login|legacy|password|login-name|kdf|keys|recovery|recovery/open)"
        return [sent.path for sent in self.asked("POST", wanted)]

    async def handle(self, jar, method, path, query, body, **headers):
        broken = self.break_at
        if broken is None or method != "POST" or "/accounts/" not in path:
            return await super().handle(jar, method, path, query, body, **headers)
        broken.seen += 1
        is_now = broken.seen == broken.at or (broken.for_good and broken.seen > broken.at)
        acts = not is_now or (broken.acted and broken.seen == broken.at)
        answer = await super().handle(jar, method, path, query, body, **headers) if acts else None
        if is_now:
            raise NetworkError
        return answer

    def _route(self, ask):
        name = ask.path.removeprefix("/api/v1/accounts/")
        if ask.method == "POST" and name in ACTIONS:
            return 200, self._change(ask, name)
        if ask.matches("POST", "accounts/recovery/prelogin"):
            return 200, self._recovery_prelogin(ask.content["recovery_id"])
        if ask.matches("POST", "accounts/recovery/open"):
            return 200, self._recovery_open(ask)
        if ask.matches("POST", "accounts/recovery"):
            return 200, self._recover(ask)
        if ask.matches("POST", "accounts/keys"):
            return 200, self._rotate(ask)
        return super()._route(ask)

    def _active(self, session, *, with_records=False):
        active = super()._active(session, with_records=with_records)
        if with_records:
            active["records"]["recovery_id"] = self._account_by_id(session["user_id"])["recovery"]["recovery_id"]
        return active

    def _change(self, ask, name):
        content, session = ask.content, ask.session
        if session is None:
            raise problem(401, "not-authenticated")
        account = self._account_by_id(session["user_id"])
        self._verify(account, ACTIONS[name], _parts(ask.proof), ask.body)
        if content["account_version"] != account["account_version"]:
            raise problem(409, "version-conflict")
        if name == "kdf" and content["n"] <= account["n"]:
            raise problem(400, "invalid")
        if name == "login-name":
            self._rename(account, content)
        account.update({field: content[field] for field in REPLACED})
        account["account_version"] += 1
        return self._go_on(ask.jar, session, account)

    def _rename(self, account, content):
        if content["login"] in self.state.accounts:
            raise problem(409, "login-taken")
        del self.state.accounts[account["login"]]
        self.state.accounts[content["login"]] = account
        account.update(login=content["login"], bundle=content["bundle"])

    def _go_on(self, jar, session, account):
        """The asking session under a new cookie; every other one of the account ends."""
        del self.state.sessions[jar.cookie]
        self._end_all(account)
        jar.cookie = uuid.uuid4().hex
        session["csrf"] = uuid.uuid4().hex
        self.state.sessions[jar.cookie] = session
        return self._active(session, with_records=True)

    def _end_all(self, account):
        for cookie, each in list(self.state.sessions.items()):
            if each["user_id"] == account["user_id"]:
                self._end_session(cookie)
        kept = {key: value for key, value in self.state.challenges.items() if value[0] != account["login"]}
        self.state.challenges = kept

    # --- Rotation ---

    def _rotate(self, ask):
        content, session = ask.content, ask.session
        if session is None:
            raise problem(401, "not-authenticated")
        account = self._account_by_id(session["user_id"])
        rooms = {each["id"]: each for each in self.state.conversations.values()}
        mine = {id_ for id_, room in rooms.items() if account["user_id"] in self.members_of(room)}
        if any(map(self.is_held, mine)):
            raise problem(409, "migration-open")
        self._verify(account, AuthAction.ROTATE_KEYS, _parts(ask.proof), ask.body)
        _require_next(account, content)
        if {part["conversation_id"] for part in content["conversations"]} != mine:
            raise problem(400, "rotation-incomplete")
        subject = subject_of(content)
        changed = [
            self._rekeyed(rooms[part["conversation_id"]], part, account, subject) for part in content["conversations"]
        ]
        self.state.conversations |= {room["id"]: room for room in changed}
        self.spent[account["recovery"]["recovery_id"]] = account, account["recovery"]["rec_pub"]
        account.update({field: content[field] for field in (*RENEWED, "bundle")})
        account["account_version"] += 1
        for room in changed:
            self.notify("roster", room["id"], self.members_of(room) - {account["user_id"]})
        return self._go_on(ask.jar, session, account)

    def _rekeyed(self, room, part, account, subject):
        own = [grant for grant in room["grants"] if grant["user_id"] == account["user_id"]]
        given = sorted([*(grant["epoch"] for grant in part["grants"]), *part["lost"]])
        if given != sorted(grant["epoch"] for grant in own):
            raise problem(400, "rotation-incomplete")
        after = room | {"roster": [*room["roster"], part["entry"] | {"subject": subject}]}
        try:
            state = roster_of(after)
        except OutdatedEntryError:
            raise problem(409, "roster-conflict") from None
        assert state.needs_rotation
        grants = [grant | {"user_id": account["user_id"]} for grant in part["grants"]]
        return after | {"grants": [grant for grant in room["grants"] if grant not in own] + grants}

    # --- Recovery ---

    def _kit(self, recovery_id):
        """The account of a kit, its public key, and whether it was used."""
        for account in self.state.accounts.values():
            if account["recovery"]["recovery_id"] == recovery_id:
                return account, account["recovery"]["rec_pub"], False
        account, rec_pub = self.spent.get(recovery_id, (None, None))
        return account, rec_pub, True

    def _recovery_prelogin(self, recovery_id):
        account, _, _ = self._kit(recovery_id)
        challenge_id, challenge = str(uuid.uuid4()), encode_b64u(uuid.uuid4().bytes * 2)
        self.state.challenges[challenge_id] = (recovery_id, challenge)
        login = account["login"] if account else "somebody@example.org"
        return {"login": login, "challenge_id": challenge_id, "challenge": challenge, "expires_in": 60}

    def _verify_kit(self, ask):
        content, parts, kit = ask.content, _parts(ask.proof), ask.content["kit"]
        account, rec_pub, used = self._kit(content["recovery_id"])
        tag, challenge = self.state.challenges.pop(parts["challenge_id"], (None, None))
        if account is None or tag != content["recovery_id"]:
            raise problem(401, "recovery-refused")
        transcript = AuthTranscript(
            action=AuthAction.RECOVER,
            origin=ORIGIN,
            login=account["login"],
            user_id=parse_uuid(account["user_id"]),
            challenge_id=parse_uuid(parts["challenge_id"]),
            challenge=decode_b64u(challenge),
            client_nonce=decode_b64u(parts["client_nonce"]),
            kdf=kit["kdf"],
            iterations=kit["n"],
            salt=decode_b64u(kit["rec_salt"]),
            body=ask.body,
        )
        try:
            public = Ed25519PublicKey.from_public_bytes(decode_b64u(rec_pub))
            public.verify(decode_b64u(parts["proof"]), transcript.serialize())
        except InvalidSignature:
            raise problem(401, "recovery-refused") from None
        if used:
            raise problem(401, "recovery-used")
        return account

    def _recovery_open(self, ask):
        account = self._verify_kit(ask)
        return {name: account[name] for name in ("account_version", "mek_ver", "bundle", "keyring")}

    def _recover(self, ask):
        content, account = ask.content, self._verify_kit(ask)
        _require_next(account, content)
        self.spent[account["recovery"]["recovery_id"]] = account, account["recovery"]["rec_pub"]
        account.update({field: content[field] for field in RENEWED})
        account["account_version"] += 1
        self._end_all(account)
        return self._begin(ask.jar, account)


def _require_next(account, content):
    versions = (account["account_version"], account["mek_ver"] + 1, account["keyring"]["version"] + 1)
    if versions != (content["account_version"], content["mek_ver"], content["keyring"]["version"]):
        raise problem(409, "version-conflict")


def _parts(proof):
    return dict(zip(("challenge_id", "client_nonce", "proof"), proof.split("."), strict=True))


def changing_server(town, clock) -> ChangingServer:
    """A server that knows Alice and Bob."""
    return ChangingServer(clock, town.state, FakeGateway(clock.now_ms, town.identity))


def signs_in_elsewhere(server, clock, rsa_key):
    """Signs in on a device that knows nothing; gives the keyring, or the code of the refusal."""

    async def sign_in(login: str, secret: bytearray):
        profile = Profile(server, clock, rsa_key)
        tab = profile.open_tab()
        try:
            await tab.boot()
            await tab.sign_in(login, secret)
        except ClientError as error:
            return error.problem_code
        else:
            return tab.keys.parts.keyring.content
        finally:
            await profile.close()

    return sign_in
