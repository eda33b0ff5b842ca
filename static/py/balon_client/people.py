"""Other people: their bundles as the server gives them, verified, and what they are called."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import normalize_login
from balon.protocol.statements import Bundle
from balon.protocol.types import PublicKey
from balon_client.alarms import AlarmError
from balon_client.bundles import BundleRefusedError, verify_bundles
from balon_client.conversations import Conversation
from balon_client.errors import NetworkError, ProblemError
from balon_client.names import DELETED, KnownPerson, Names, name_people
from balon_client.parts import Parts
from balon_client.pins import note_login
from balon_client.problems import LoginNameError, UnknownLoginError

_GONE = 404


class NameTakenError(AlarmError):
    """A login name that a contact has is given for somebody else (A6)."""

    code = "name-of-another"
    title = "The server gives somebody else under the name of a person you know."
    detail = (
        "Login names belong to one person each, and the one you know still has this name. Nobody was invited. Ask "
        "whoever runs the server, and the person themselves, on another way than this one."
    )


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody who was looked up by their login name. `is_changed`: with another key than the pinned one."""

    bundle: Bundle
    is_changed: bool


class People:
    """Everyone else whom this session meets."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._api = parts.api
        self._account = parts.account
        self._keyring = parts.keyring
        self._stated: dict[UUID, Bundle] = {}
        self._asked: set[tuple[UUID, bytes]] = set()
        self._names: Names = {}
        self._news = 0
        self._names_of: tuple[int, int] | None = None
        self.offered: dict[UUID, tuple[PublicKey, ...]] = {}
        """Keys of contacts that changed, as a look-up gave them: what `accept_key` may go on with."""

    # --- Fetching ---

    async def fetch(self, conversation: Conversation) -> dict[UUID, Bundle]:
        """The bundles of everyone who is or was in a conversation and has an account; notes what they are called.

        Each is signed by the key that it states. Whether that is the roster's is for the caller to judge.

        Raises:
            BundleRefusedError: One does not hold.
        """
        bundles = await verify_bundles(self._parts.crypto, await self._api.people(conversation.id))
        for bundle in bundles.values():
            self._note(bundle, conversation)
        return bundles

    def _note(self, bundle: Bundle, conversation: Conversation | None) -> None:
        """Keeps what the holder of the key that counts says of themselves; an older bundle replaces no newer one."""
        keys = conversation.followed.keys.get(bundle.user_id) if conversation and conversation.followed else None
        contact = self._keyring.content.contacts.get(bundle.user_id)
        expected = contact.idk_pub if contact else keys[-1] if keys else bundle.idk_pub
        known = self._stated.get(bundle.user_id)
        if bundle.user_id == self._account.user_id or bundle.idk_pub != expected:
            return
        if known is not None and known.idk_pub == expected and known.bundle_seq > bundle.bundle_seq:
            return
        self._stated[bundle.user_id] = bundle
        self._news += 1
        self._keyring.change(note_login(bundle.user_id, PublicKey(bundle.idk_pub), bundle.login))

    async def learn_names(self, conversations: Iterable[Conversation]) -> None:
        """Fetches the people of conversations in which somebody has no name yet, once for each state of the roster.

        A refusal does not keep anything from being shown; it is told.
        """
        for conversation in conversations:
            roster = conversation.followed
            if roster is None or conversation.is_left or not self._lacks_names(roster.keys):
                continue
            if (place := (conversation.id, roster.state.head)) in self._asked:
                continue
            self._asked.add(place)
            await self.refresh_names(conversation)

    def _lacks_names(self, user_ids: Iterable[UUID]) -> bool:
        contacts = self._keyring.content.contacts
        named = {user_id for user_id, contact in contacts.items() if contact.login} | self._stated.keys()
        return bool(set(user_ids) - named - {self._account.user_id})

    async def refresh_names(self, conversation: Conversation) -> None:
        """Fetches what the people of a conversation are called now; a refusal is told and keeps nothing back."""
        if conversation.followed is None or len(conversation.followed.keys) < 2:
            return
        try:
            with contextlib.suppress(NetworkError, ProblemError):
                await self.fetch(conversation)
        except AlarmError as alarm:
            self._parts.events.publish_alarm(alarm.problem, conversation.id)

    async def look_up(self, raw_login: object) -> FoundPerson:
        """Finds a person by their login name.

        Raises:
            LoginNameError: It is none.
            UnknownLoginError: Nobody has it.
            BundleRefusedError: The server gives keys that do not hold, or somebody of another name.
            NameTakenError: It gives somebody else than the contact who has this name.
        """
        login = _read_login(raw_login)
        try:
            record = await self._api.look_up(login)
        except ProblemError as error:
            raise UnknownLoginError from None if error.status == _GONE else error
        (bundle,) = (await verify_bundles(self._parts.crypto, [record])).values()
        stated = self._stated.get(bundle.user_id)
        is_older = stated is not None and stated.idk_pub == bundle.idk_pub and stated.bundle_seq > bundle.bundle_seq
        if bundle.login != login or is_older:
            raise BundleRefusedError
        await self._verify_is_only(bundle)
        self._note(bundle, None)
        contact = self._keyring.content.contacts.get(bundle.user_id)
        is_changed = contact is not None and contact.idk_pub != bundle.idk_pub
        if is_changed:
            self.offered[bundle.user_id] = (PublicKey(bundle.idk_pub),)
        return FoundPerson(bundle, is_changed)

    async def _verify_is_only(self, bundle: Bundle) -> None:
        """Asks contacts who had this name what they are called now. Who cannot be asked may have given it up."""
        for user_id, contact in list(self._keyring.content.contacts.items()):
            if user_id == bundle.user_id or contact.login != bundle.login:
                continue
            try:
                record = await self._api.person(user_id)
            except ProblemError as error:
                if error.status != _GONE:
                    raise
                continue
            (other,) = (await verify_bundles(self._parts.crypto, [record])).values()
            self._note(other, None)
            if other.user_id != user_id or other.login == bundle.login:
                raise NameTakenError

    # --- Names ---

    def name_of(self, user_id: UUID) -> str:
        """What a person is called, as nobody else is."""
        revision = (self._keyring.revision, self._news)
        if revision != self._names_of:
            self._names = name_people(self._known(), (self._account.user_id, self._account.login))
            self._names_of = revision
        return self._names.get(user_id) or f"{DELETED} ({user_id})"

    def login_of(self, user_id: UUID) -> str | None:
        """The login name that somebody's verified bundle states; None of whom none was seen."""
        stated = self._stated.get(user_id)
        return stated.login if stated else None

    def _known(self) -> Iterable[KnownPerson]:
        contacts = self._keyring.content.contacts
        for user_id, contact in contacts.items():
            yield KnownPerson(user_id, contact.login, contact.verified_ms is not None, contact.first_seen_ms)
        for user_id, bundle in self._stated.items():
            if user_id not in contacts:
                yield KnownPerson(user_id, bundle.login)

    def is_verified(self, user_id: UUID, idk_pub: bytes) -> bool:
        """Whether this person compared safety numbers with somebody who has this key."""
        contact = self._keyring.content.contacts.get(user_id)
        return contact is not None and contact.idk_pub == idk_pub and contact.verified_ms is not None


def _read_login(raw: object) -> str:
    try:
        return normalize_login(raw if isinstance(raw, str) else "")
    except PasswordPolicyError:
        raise LoginNameError from None
