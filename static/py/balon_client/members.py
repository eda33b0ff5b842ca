"""Who is in a conversation, for people: listed, found, invited, removed, verified (docs/worker.md)."""

import asyncio
from typing import Final
from uuid import UUID

from balon.protocol.fingerprints import fingerprint_pair
from balon.protocol.roster import MAX_MEMBERS, Member, Role, RosterOp
from balon.protocol.statements import Bundle
from balon.protocol.types import PublicKey
from balon_client.alarms import KeyChangedError
from balon_client.arguments import parse_id, parse_role
from balon_client.bundles import BundleRefusedError
from balon_client.chat_parts import ChatParts
from balon_client.conversations import Conversation
from balon_client.entries import Deed
from balon_client.people import FoundPerson
from balon_client.pins import accept_keys, pin_contact, verify_contact
from balon_client.problems import (
    AlreadyMemberError,
    InvitedError,
    LastOwnerError,
    NotMemberError,
    NotOwnerError,
    NotWritableError,
    RoomFullError,
    UnknownPersonError,
)
from balon_client.views import View

_GROUP: Final = 5


class Members:
    """The calls about members and contacts. Nothing is changed while the keyring is not to be trusted (A14)."""

    def __init__(self, chat: ChatParts) -> None:
        self._chat = chat
        self._account = chat.parts.account
        self._keyring = chat.parts.keyring
        self._library = chat.library
        self._people = chat.people

    # --- Showing ---

    async def members(self, raw_id: object) -> View:
        """Everyone on the roster, also of a conversation that this person is invited to."""
        self._keyring.verify_current()
        conversation_id = parse_id(raw_id)
        conversation = self._library.get(conversation_id) or await self._library.fetch(conversation_id)
        await self._people.refresh_names(conversation)
        return await self._view(conversation)

    async def _view(self, conversation: Conversation) -> View:
        roster = conversation.followed
        if roster is None:
            raise NotWritableError
        members = [roster.state.members[id_] for id_ in roster.keys if id_ in roster.state.members]
        views = []
        for member in members:
            views.append(self._member_view(conversation, member))
            await asyncio.sleep(0)  # A safety number takes ten thousand hashes; replies go on meanwhile.
        return {"you": str(conversation.role), "members": views}

    def _member_view(self, conversation: Conversation, member: Member) -> View:
        user_id, you = member.user_id, member.user_id == self._account.user_id
        invited = conversation.roster.invited_roles.get(user_id) if conversation.roster else None
        is_owner = conversation.role is Role.OWNER
        return {
            "user_id": str(user_id),
            "name": self._people.name_of(user_id),
            "you": you,
            "role": str(member.role),
            "invited_role": str(invited) if invited else None,
            "verified": you or self._people.is_verified(user_id, member.idk_pub),
            "key_changed": user_id in conversation.changed_keys,
            "safety_number": None if you else self._safety_number(user_id, member.idk_pub),
            "may_remove": is_owner and not you,
            "may_change_role": is_owner and invited is None,
        }

    def _safety_number(self, user_id: UUID, idk_pub: bytes) -> str:
        own = (self._account.user_id, self._account.bundle.idk_pub)
        digits = fingerprint_pair(own, (user_id, idk_pub))
        return " ".join(digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))

    async def find_person(self, login: object) -> View:
        """Looks somebody up whom this person might invite."""
        self._keyring.verify_current()
        found = await self._people.look_up(login)
        bundle = found.bundle
        return {
            "user_id": str(bundle.user_id),
            "name": self._people.name_of(bundle.user_id),
            "verified": self._people.is_verified(bundle.user_id, bundle.idk_pub),
            "key_changed": found.is_changed,
            "safety_number": self._safety_number(bundle.user_id, bundle.idk_pub),
        }

    # --- Who is in ---

    async def invite(self, raw_id: object, login: object, raw_role: object, share_history: object) -> View:
        """Invites a person, with the history or from now on.

        Whoever shares it shares what they read themselves.

        Raises:
            NotOwnerError, AlreadyMemberError, RoomFullError: As their names say.
            KeyChangedError: The person, or somebody in the conversation, has keys that were not accepted.
        """
        self._keyring.verify_current()
        conversation, role = self._chat.joined(parse_id(raw_id)), parse_role(raw_role)
        conversation.verify_sound()
        _verify_owner(conversation)
        found = await self._people.look_up(login)
        self._verify_accepted(found)
        bundle = found.bundle
        await self._verify_newest(bundle)
        deed = Deed(
            op=RosterOp.INVITE,
            target_id=bundle.user_id,
            role=role,
            guest=bundle,
            shares_history=share_history is True,
        )
        if deed.shares_history:
            await self._chat.rosters.renew_key(conversation, deed.target_id)
        known = conversation.roster_mark
        await self._chat.rosters.change(
            conversation, lambda each: self._plan_invitation(each, deed, known.seq if known else 0)
        )
        return await self._view(conversation)

    def _verify_accepted(self, found: FoundPerson) -> None:
        """Whoever is invited for the first time is pinned with the key that the invitation will name."""
        bundle, now_ms = found.bundle, self._chat.parts.now_ms()
        if found.is_changed:
            raise KeyChangedError.about([self._people.name_of(bundle.user_id)])
        if bundle.user_id == self._account.user_id:
            raise AlreadyMemberError("You are in this conversation already.")
        self._keyring.change(pin_contact(bundle.user_id, [PublicKey(bundle.idk_pub)], now_ms, bundle.login))

    async def _verify_newest(self, bundle: Bundle) -> None:
        """Whoever replaced their encryption key did so in every conversation: an older bundle shows there (A6).

        Raises:
            BundleRefusedError: It states another key than a roster that they are on.
        """
        for conversation in self._library.newest_first:
            if _states_other_key(conversation, bundle):
                await self._library.fetch(conversation.id)
                if _states_other_key(conversation, bundle):
                    raise BundleRefusedError

    def _plan_invitation(self, conversation: Conversation, deed: Deed, known_seq: int) -> Deed | None:
        _verify_owner(conversation)
        if conversation.roster is None:
            raise NotWritableError
        if deed.target_id in conversation.roster.members:
            if self._was_done(conversation, deed, known_seq):
                return None
            raise AlreadyMemberError
        if len(conversation.roster.members) >= MAX_MEMBERS:
            raise RoomFullError
        return deed

    def _was_done(self, conversation: Conversation, deed: Deed, known_seq: int) -> bool:
        """Whether the invitation is the one that was just sent, and only its answer was lost."""
        entry = conversation.followed.invitation_of(deed.target_id) if conversation.followed else None
        if entry is None or entry.seq <= known_seq:
            return False
        return (entry.actor_id, entry.role) == (self._account.user_id, deed.role)

    async def remove_member(self, raw_id: object, raw_user_id: object) -> View:
        """Removes a person, or takes an invitation back; a new key begins at once."""
        self._keyring.verify_current()
        conversation, user_id = self._chat.joined(parse_id(raw_id)), parse_id(raw_user_id)
        _verify_there(conversation, user_id)

        def plan(each: Conversation) -> Deed | None:
            _verify_owner(each)
            if each.roster is not None and user_id not in each.roster.members:
                return None
            return Deed(op=RosterOp.REMOVE, target_id=user_id)

        if user_id == self._account.user_id:
            raise NotMemberError("Nobody removes themselves.", "Leave the conversation instead.")
        await self._chat.rosters.change(conversation, plan)
        return await self._view(conversation)

    async def change_role(self, raw_id: object, raw_user_id: object, raw_role: object) -> View:
        """Gives a member another role."""
        self._keyring.verify_current()
        conversation, user_id, role = self._chat.joined(parse_id(raw_id)), parse_id(raw_user_id), parse_role(raw_role)

        def plan(each: Conversation) -> Deed | None:
            _verify_there(each, user_id)
            if each.roster is not None and each.roster.role_of(user_id) == role:
                return None
            _verify_owner(each)
            _verify_accepted(each, user_id)
            _verify_owner_stays(each, user_id)
            return Deed(op=RosterOp.ROLE, target_id=user_id, role=role)

        await self._chat.rosters.change(conversation, plan)
        return await self._view(conversation)

    # --- Whose keys ---

    async def verify_member(self, raw_user_id: object, verified: object, safety_number: object) -> None:
        """Notes that safety numbers were compared, or takes that back; for every conversation and device.

        Raises:
            UnknownPersonError: Nobody whom this client met.
            KeyChangedError: The number is of another key than the one that counts now: nothing is verified.
        """
        self._keyring.verify_current()
        user_id, now_ms = parse_id(raw_user_id), self._chat.parts.now_ms()
        if user_id not in self._keyring.content.contacts:
            login = self._people.login_of(user_id)
            self._keyring.change(pin_contact(user_id, self._keys_of(user_id), now_ms, login))
        contact = self._keyring.content.contacts[user_id]
        is_changed = any(user_id in each.changed_keys for each in self._library.newest_first)
        if verified is True and (is_changed or self._safety_number(user_id, contact.idk_pub) != safety_number):
            raise KeyChangedError.about([self._people.name_of(user_id)])
        self._keyring.change(verify_contact(user_id, contact.idk_pub, now_ms if verified is True else None))
        self._library.publish()

    def _keys_of(self, user_id: UUID) -> tuple[PublicKey, ...]:
        """The keys of somebody who is no contact yet: an invitation shows them."""
        rosters = [each.followed for each in self._library.newest_first if each.followed]
        for roster in rosters:
            if user_id != self._account.user_id and user_id in roster.keys:
                return roster.keys[user_id]
        raise UnknownPersonError

    async def accept_key(self, raw_user_id: object, safety_number: object) -> None:
        """Goes on with a contact's changed key, not verified; the conversations that it stopped are judged anew.

        Raises:
            KeyChangedError: No key that the number was shown of waits to be accepted.
        """
        self._keyring.verify_current()
        user_id = parse_id(raw_user_id)
        waiting = [each.changed_keys[user_id] for each in self._library.newest_first if user_id in each.changed_keys]
        if user_id in self._people.offered:
            waiting.append(self._people.offered[user_id])
        keys = next((each for each in waiting if self._safety_number(user_id, each[-1]) == safety_number), None)
        if keys is None:
            raise KeyChangedError.about([self._people.name_of(user_id)])
        self._keyring.change(accept_keys(user_id, keys, self._chat.parts.now_ms()))
        self._people.offered.pop(user_id, None)
        await self._keyring.save()
        await self._library.rejudge()


def _states_other_key(conversation: Conversation, bundle: Bundle) -> bool:
    member = conversation.roster.members.get(bundle.user_id) if conversation.roster else None
    return member is not None and (member.idk_pub, member.rsa_kid) != (bundle.idk_pub, bundle.rsa_kid)


def _verify_owner(conversation: Conversation) -> None:
    if conversation.is_invitation:
        raise InvitedError
    if conversation.role is not Role.OWNER:
        raise NotOwnerError


def _verify_there(conversation: Conversation, user_id: UUID) -> None:
    if conversation.roster is None or user_id not in conversation.roster.members:
        raise NotMemberError


def _verify_accepted(conversation: Conversation, user_id: UUID) -> None:
    if conversation.roster is not None and conversation.roster.role_of(user_id) is Role.INVITED:
        raise NotMemberError(
            "This person has not accepted the invitation yet.", "Their role can be changed after that."
        )


def _verify_owner_stays(conversation: Conversation, user_id: UUID) -> None:
    if conversation.roster is not None and conversation.roster.owners == {user_id}:
        raise LastOwnerError
