"""Alarms: what the server said cannot be true. After one, nothing that derives from password or keys is sent.

Each says what was refused, what that means and what the person can do (docs/threats.md; docs/worker.md).
"""

from collections.abc import Sequence
from typing import Final

from balon_client.errors import ClientError

_MOST_NAMES: Final = 3


class AlarmError(ClientError):
    """Someone who controls the server, or stands in front of it, may be acting against the person."""

    code = "server-lied"
    title = "The server gave an answer that cannot be true."
    detail = (
        "It was refused and nothing more was sent. Reload the page; if this comes back, the server has a fault or "
        "works against you: ask whoever runs it, and write nothing here until you know."
    )


class AnswerError(AlarmError):
    """An answer of the wrong form: a field is missing, too large or of another type than docs/api.md says."""

    code = "server-answer-refused"
    title = "The server's answer has not the form it must have."

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where
        """Which field, for tests and the console; never a value."""


class KdfRefusedError(AlarmError):
    """The server named a derivation outside the policy (A1, A2)."""

    code = "kdf-refused"
    title = "The server asked for a weaker protection of your password than Balon allows."
    detail = (
        "Your password was not used and nothing was sent. Somebody who controls the server may be trying to guess it: "
        "do not sign in here until whoever runs the server has explained this."
    )


class AccountKeysError(AlarmError):
    """The sealed keys of the account, or its public keys, are not the ones this password guards (A16, A17)."""

    code = "account-keys-refused"
    title = "The server did not give back the keys of your account."
    detail = (
        "What it sent was changed, belongs to someone else or is missing. Nothing was opened with it and no new keys "
        "were made. Your conversations are not lost by this: ask whoever runs the server to restore your account."
    )


class KeyringError(AlarmError):
    """The keyring does not open, or makes no sense."""

    code = "keyring-refused"
    title = "The list of keys that you trust cannot be opened."
    detail = (
        "The server changed it or gave another one. Without it Balon cannot tell your partners and your gateway from "
        "impostors, so nothing is read or sent."
    )


class KeyringRollbackError(AlarmError):
    """An older keyring than one that this browser has seen (A14)."""

    code = "keyring-rollback"
    title = "The server gave back an old list of the keys that you trust."
    detail = (
        "This browser has seen a newer one. The server was restored from a backup, or it hides changes from you. "
        "Nothing is read or sent until it gives the newest one."
    )


class ConversationError(AlarmError):
    """Members, keys or grants of a conversation are not signed as they must be (A8, A9, A22, A25)."""

    code = "conversation-refused"
    title = "The keys of this conversation do not hold."
    detail = (
        "Its members or its key were not signed by the people who must sign them: someone may be trying to read "
        "along. Nothing is written to it. Start a new conversation for what must stay private."
    )


class ConversationRollbackError(AlarmError):
    """An older or another roster than the one that this person has seen (A14)."""

    code = "conversation-rollback"
    title = "The server gave back an old list of the members of this conversation."
    detail = "You have seen a newer one. Nothing is written to the conversation, since someone may read along."


class KeyChangedError(AlarmError):
    """People have other keys than those that are pinned (A6, A22). Made with their names."""

    code = "key-changed"
    title = "The keys of somebody in this conversation have changed."
    detail = (
        "Either they gave their account a new identity, or somebody put other keys in place of theirs to read along. "
        "Nothing is written, accepted or shared here until you go on with the new key: ask them first, on another way "
        "than this one, and compare the safety number."
    )

    @classmethod
    def about(cls, names: Sequence[str]) -> "KeyChangedError":
        """The alarm about people of these names; with their number alone where they are many."""
        if not names:
            return cls()
        if len(names) > _MOST_NAMES:
            return cls(f"The keys of {len(names)} people have changed.")
        return cls(f"The keys of {' and '.join(names)} have changed.")


class TitleError(AlarmError):
    """Title and settings are not signed by a member, or are older than those seen (A54)."""

    code = "title-refused"
    title = "The title or the settings of this conversation were not set by one of its members."
    detail = "They were ignored, and nothing is written to the conversation until the server gives the true ones."


class MessageRefusedError(AlarmError):
    """A message that does not open or whose signature does not hold (A10, A11, A15, A26)."""

    code = "message-refused"
    title = "A message was changed on the server."
    detail = (
        "It does not open under its own time, place and sender, so it is not shown. The other messages were checked "
        "and stand. Nothing more is written to this conversation."
    )


class LateMessageError(AlarmError):
    """A message under a key that had been replaced when it came: whoever was removed may have written it (A23)."""

    code = "message-late"
    title = "A message came under a key that was replaced before."
    detail = (
        "Somebody who is no longer in this conversation may have written it, with the server's help, so it is not "
        "shown. The other messages were checked and stand. Nothing more is written to this conversation."
    )


class HistoryGapError(AlarmError):
    """A message is missing between others (A13)."""

    code = "history-gap"
    title = "Messages are missing from this conversation."
    detail = (
        "The server leaves out at least one message that belongs between those shown. What is shown is genuine, but "
        "not everything. Nothing more is written to this conversation."
    )


class HistoryOrderError(AlarmError):
    """Messages came in another order than their senders sealed (A13)."""

    code = "history-order"
    title = "The messages of this conversation are not in their order."
    detail = (
        "What is shown is genuine, but the server changed the order, so questions and answers may not belong "
        "together. Nothing more is written to this conversation."
    )


class HistoryReplayError(AlarmError):
    """A message came a second time, or another one in its place (A12)."""

    code = "history-replay"
    title = "The server repeated or replaced a message."
    detail = "It is shown only once, as it first came. Nothing more is written to this conversation."


class HistoryRollbackError(AlarmError):
    """The newest messages are gone (A13, A14)."""

    code = "history-rollback"
    title = "The newest messages of this conversation are gone."
    detail = (
        "You have seen or written later messages than the server gives now. It was restored from a backup, or it "
        "hides them. Nothing more is written to this conversation until they are back."
    )


class GatewayChangedError(AlarmError):
    """Another gateway identity than the pinned one (A51)."""

    code = "gateway-changed"
    title = "The gateway that reads your prompts is not the one you know."
    detail = (
        "Its identity has changed since you first used it. Either it was set up anew, or someone put another one in "
        "its place to read what you write. Nothing is sent until whoever runs it confirms the new fingerprint."
    )


class GatewayKeyError(AlarmError):
    """The gateway's key is not signed, has expired or lies too far ahead (A51)."""

    code = "gateway-key-refused"
    title = "The key of the gateway does not hold."
    detail = (
        "It is not signed by the gateway, or it is not valid now. Nothing was sent. Check that this device's clock is "
        "right; if it is, someone may be trying to read what you write."
    )
