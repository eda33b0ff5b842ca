"""Four people of one conversation, and what each of them could open with every key that was ever theirs."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from balon.protocol.contexts import message_context, prev_epoch_context
from balon.protocol.encoding import decode_b64u
from balon.protocol.envelope import Kind
from balon.protocol.roster import Role, RosterOp
from balon.protocol.statements import Grant, RosterEntry
from balon_client.errors import DecryptionError
from balon_client.ports import DecryptionKey, Recipient
from tests.client.company import ROOM, room
from tests.client.doubles.accounts import spki_of
from tests.client.doubles.crypto import _open_wrap
from tests.client.doubles.envelopes import derive_commitment, open_envelope
from tests.client.fake_rooms import roster_of
from tests.client.fake_server import FakeServer
from tests.client.forging import Someone

GOING = {RosterOp.LEAVE, RosterOp.DECLINE}


class Diary(FakeServer):
    """A server that notes how long the roster was when it stored a message."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.stored_at: dict[str, int] = {}

    def _post(self, account, conversation, content):
        answer = super()._post(account, conversation, content)
        self.stored_at.setdefault(content["message_id"], len(conversation["roster"]) - 1)
        return answer


def entries_of(conversation: dict) -> list[RosterEntry]:
    return [RosterEntry.parse(decode_b64u(record["statement"])) for record in conversation["roster"]]


def readers_after_each(entries: list[RosterEntry]) -> list[dict[UUID, int]]:
    """Who may have which keys after each entry: everyone on the roster, from an epoch on (section 7, in short)."""
    found, now, epoch = [], {}, 0
    for entry in entries:
        if entry.op == RosterOp.CREATE:
            now[entry.actor_id] = 0
        elif entry.op == RosterOp.INVITE:
            now[entry.target_id] = now[entry.actor_id] if entry.epoch == epoch else entry.epoch
        elif entry.op == RosterOp.REMOVE:
            del now[entry.target_id]
        elif entry.op in GOING:
            del now[entry.actor_id]
        epoch = entry.epoch
        found.append(dict(now))
    return found


@dataclass
class Knowledge:
    """The keys that one person could have: from every grant that was ever sent for them, and back through every PREV.

    Grants and PREV of requests that the server refused count too: it has seen them.
    """

    person: Someone
    roots: dict[int, bytes] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)

    def learn(self, server: FakeServer, conversation_id: str) -> None:
        commits = roster_of(room(server, conversation_id)).ck_commits
        for grant in _grants_sent(server, conversation_id):
            if grant["wrapped"] not in self._tried and grant.get("user_id", "") in {"", str(self.person.user_id)}:
                self._take(grant, UUID(conversation_id), commits)
        self._walk_back(_previous_sent(server, conversation_id), UUID(conversation_id), commits)

    def _take(self, given: dict, conversation_id: UUID, commits: dict[int, bytes]) -> None:
        grant = Grant.parse(decode_b64u(given["statement"]))
        if grant.recipient_id != self.person.user_id or commits.get(grant.epoch) != grant.ck_commit:
            return
        self._tried.add(given["wrapped"])
        recipient = Recipient(grant.recipient_id, spki_of(self.person.rsa), grant.rsa_kid)
        label = recipient.label(conversation_id, grant.epoch)
        self.roots[grant.epoch] = _open_wrap(DecryptionKey(self.person.rsa), decode_b64u(given["wrapped"]), label)

    def _walk_back(self, previous: list[tuple[int, bytes]], conversation_id: UUID, commits: dict[int, bytes]) -> None:
        for epoch, envelope in sorted(previous, reverse=True):
            if epoch not in self.roots:
                continue
            try:
                context = prev_epoch_context(conversation_id, epoch, epoch - 1)
                root = open_envelope(self.roots[epoch], Kind.PREV, context, envelope)
            except DecryptionError:
                continue
            if derive_commitment(root, conversation_id, epoch - 1) == commits[epoch - 1]:
                self.roots[epoch - 1] = bytes(root)

    def can_open(self, conversation_id: str, message: dict) -> bool:
        """Tries every key on the bytes that the server keeps."""
        context = message_context(
            conversation_id=UUID(conversation_id),
            epoch=message["epoch"],
            message_id=UUID(message["message_id"]),
            sender_id=UUID(message["sender_id"]),
            seq=message["seq"],
            prev_hash=decode_b64u(message["prev_hash"]),
            created_ms=message["created_ms"],
        )
        return any(_opens(root, context, decode_b64u(message["envelope"])) for root in self.roots.values())


def _opens(root: bytes, context: bytes, envelope: bytes) -> bool:
    try:
        open_envelope(root, Kind.MESSAGE, context, envelope)
    except DecryptionError:
        return False
    return True


def _grants_sent(server: FakeServer, conversation_id: str) -> list[dict]:
    made = [sent.body for sent in server.asked("POST", "/api/v1/conversations")]
    first = [body["grant"] for body in made if body["conversation_id"] == conversation_id]
    return first + [grant for body in _changes_sent(server, conversation_id) for grant in body["grants"]]


def _previous_sent(server: FakeServer, conversation_id: str) -> list[tuple[int, bytes]]:
    bodies = [body for body in _changes_sent(server, conversation_id) if body["previous"] is not None]
    return [(_entry_of(body).epoch, decode_b64u(body["previous"])) for body in bodies]


def _changes_sent(server: FakeServer, conversation_id: str) -> list[dict]:
    sent = server.asked("POST", f"{ROOM}/roster")
    return [each.body for each in sent if f"/{conversation_id}/" in each.path]


def _entry_of(body: dict) -> RosterEntry:
    return RosterEntry.parse(decode_b64u(body["entry"]["statement"]))


def offers_refused(server: FakeServer, conversation_id: str) -> list[tuple[int, UUID, int, int]]:
    """Invitations with the history that owners signed and the server did not take: they gave these keys away.

    Returns:
        The place in the roster, the invited person, and the first and the last epoch that they were to read.
    """
    entries = entries_of(room(server, conversation_id))
    readers, found = readers_after_each(entries), []
    for entry in map(_entry_of, _changes_sent(server, conversation_id)):
        is_taken = entry.seq < len(entries) and entries[entry.seq].hash == entry.hash
        before = entry.seq - 1
        if entry.op == RosterOp.INVITE and not is_taken and entry.epoch == entries[before].epoch:
            found.append((before, entry.target_id, readers[before][entry.actor_id], entry.epoch))
    return found


@dataclass
class Crowd:
    """The people with their tabs, and the conversation."""

    server: Diary
    tabs: dict[str, object]
    conversation_id: str = ""

    def __post_init__(self) -> None:
        self.knowledge = {login: Knowledge(Someone.of(tab)) for login, tab in self.tabs.items()}
        self.login_of = {each.person.user_id: login for login, each in self.knowledge.items()}

    @property
    def conversation(self) -> dict:
        return room(self.server, self.conversation_id)

    def with_role(self, *roles: Role) -> list[str]:
        """Who has one of these roles on the roster that the server keeps."""
        members = roster_of(self.conversation).members.values()
        return sorted(self.login_of[member.user_id] for member in members if member.role in roles)

    @property
    def outside(self) -> list[str]:
        return sorted(self.tabs.keys() - {self.login_of[each] for each in roster_of(self.conversation).members})

    def verify_secrecy(self) -> None:
        """Nobody opens what was stored while they were out, unless they were invited to it later; members open all."""
        readers = readers_after_each(entries_of(self.conversation))
        offers = offers_refused(self.server, self.conversation_id)
        for login, known in self.knowledge.items():
            known.learn(self.server, self.conversation_id)
            own_id = known.person.user_id
            for message in self.conversation["messages"]:
                stored_at, epoch = self.server.stored_at[message["message_id"]], message["epoch"]
                opens = known.can_open(self.conversation_id, message)
                if own_id in readers[-1] and readers[-1][own_id] <= epoch:
                    assert opens, f"{login} cannot open message {message['position']}"
                may = any(own_id in each and each[own_id] <= epoch for each in readers[stored_at:])
                was_offered = any(
                    at >= stored_at and to == own_id and first <= epoch <= last for at, to, first, last in offers
                )
                assert may or was_offered or not opens, f"{login} can open message {message['position']}"

    def readable_by(self, login: str) -> list[str]:
        """The identifiers of the messages that a member may read, in order."""
        first = readers_after_each(entries_of(self.conversation))[-1][self.knowledge[login].person.user_id]
        return [each["message_id"] for each in self.conversation["messages"] if each["epoch"] >= first]

    async def calm(self) -> None:
        """Lets everything come to its end: notices, retries, replies that others save."""
        for _ in range(3):
            await asyncio.sleep(0)
            await self.server.clock.advance(30)
