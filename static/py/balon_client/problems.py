"""Problems that need no villain: mistakes, limits and states, worded for people (docs/worker.md)."""

from balon_client.errors import ClientError


class SignInRefusedError(ClientError):
    """Login name and password do not fit together."""

    code = "sign-in-refused"
    title = "Login name or password is wrong."
    detail = "Nobody can reset a password here. If you lost it, use your recovery kit."


class FirstSignInError(ClientError):
    """The account is from before encryption, so that its keys are to be made first (section 12)."""

    code = "first-sign-in"
    title = "This is the first sign-in to this account since Balon encrypts."
    detail = (
        "Your keys would be made now, in this browser. "
        "Go on only if you have never used this account with a recovery kit."
    )


class NotLegacyError(ClientError):
    """A first sign-in to an account that has keys."""

    code = "not-legacy"
    title = "This account has its keys already."
    detail = "They were made in another browser. Sign in with your password as usual."
    action = "sign-in"


class WrongPasswordError(ClientError):
    """The password does not unlock the keys that this browser keeps."""

    code = "wrong-password"
    title = "This is not your password."
    detail = "The keys in this browser stay locked. Try again, or sign out."


class LoginNameError(ClientError):
    """A login name that the protocol does not allow (section 2)."""

    code = "invalid-login"
    title = "This login name cannot be used."
    detail = "It has 3 to 254 of the letters a to z, digits, and . _ + @ -"


class LoginTakenError(ClientError):
    """The login name belongs to someone."""

    code = "login-taken"
    title = "This login name is taken."
    detail = "Choose another one. Your new keys were thrown away and are being made again."


class PasswordSizeError(ClientError):
    """An empty password or one of more than 1024 bytes."""

    code = "invalid-password"
    title = "This password cannot be used."
    detail = "A password has 1 to 1024 bytes."


class SignedOutError(ClientError):
    """A call that needs a session."""

    code = "signed-out"
    title = "You are signed out."
    detail = "Your keys are not in this browser. Sign in to go on."
    action = "sign-in"


class LockedError(ClientError):
    """A call that needs the keys."""

    code = "locked"
    title = "Balon is locked."
    detail = "Your keys are sealed under your password. Unlock to go on."
    action = "unlock"


class AccountChangedError(ClientError):
    """The account's keys were changed on another device."""

    code = "account-changed"
    title = "Your password or keys were changed on another device."
    detail = "The keys in this browser are no longer the newest. Sign in again."
    action = "sign-in"


class ConversationGoneError(ClientError):
    """No such conversation, or not for this person."""

    code = "conversation-not-found"
    title = "This conversation is not there."
    detail = "It was deleted, or it is not one of yours."


class NotWritableError(ClientError):
    """A conversation with an alarm."""

    code = "not-writable"
    title = "Nothing is sent to this conversation."
    detail = "What the server gave of it does not hold; see the alarm in the conversation. Start a new one."


class ReadOnlyError(NotWritableError):
    """A conversation that this person may only read."""

    code = "not-writable"
    title = "You can only read this conversation."
    detail = "One of its owners has to make you a member before you can write."


class InvitedError(ClientError):
    """A conversation that this person has not joined yet."""

    code = "not-joined"
    title = "You are invited to this conversation."
    detail = "Accept the invitation first; then you can read and write in it."


class RosterBusyError(ClientError):
    """Others changed the members again and again at the same moment."""

    code = "members-busy"
    title = "The members of this conversation are changing right now."
    detail = "Others were faster each time, so nothing was done. Try again in a moment."
    action = "retry"


class AlreadyMemberError(ClientError):
    """Somebody who is on the roster."""

    code = "already-member"
    title = "This person is in the conversation already."
    detail = "Nobody was invited. The list of members shows who is in, and who has not answered yet."


class RoomFullError(ClientError):
    """As many people as a conversation may hold."""

    code = "room-full"
    title = "This conversation is full."
    detail = "It holds at most 200 people, those who are invited included. Nobody was invited."


class NotOwnerError(ClientError):
    """Something that owners alone do."""

    code = "not-owner"
    title = "Only owners change who is in a conversation."
    detail = "Nothing was changed. Ask one of its owners."


class LastOwnerError(ClientError):
    """The only owner leaves, or gives the role up."""

    code = "last-owner"
    title = "You are the only owner of this conversation."
    detail = "Nothing was changed. Make somebody else an owner first, or delete the conversation."


class NotMemberError(ClientError):
    """Somebody who is not on the roster."""

    code = "not-member"
    title = "This person is not in the conversation."
    detail = "Nothing was changed. The list of members may have changed a moment ago."


class UnknownPersonError(ClientError):
    """Somebody whose keys this client never saw."""

    code = "unknown-person"
    title = "This person is not known here."
    detail = "Nothing was changed. You share no conversation with them."


class UnknownLoginError(ClientError):
    """Nobody has the login name."""

    code = "unknown-login"
    title = "Nobody has this login name."
    detail = "Check how it is written: ask the person what they sign in with."


class TextRefusedError(ClientError):
    """A message or title that is empty or no text."""

    code = "invalid-text"
    title = "There is nothing to send."
    detail = "Write something first."


class TooLongError(ClientError):
    """More than the model or a message can hold."""

    code = "too-long"
    title = "This message is too long for the model."
    detail = "It was not sent. Make it shorter, send it in parts, or choose a model with a larger context."


class UnknownModelError(ClientError):
    """The gateway does not offer the model."""

    code = "unknown-model"
    title = "This model is not on offer."
    detail = "Nothing was sent. Choose another model."


class GatewayUnavailableError(ClientError):
    """The gateway cannot be reached."""

    code = "gateway-unavailable"
    title = "The model cannot be reached right now."
    detail = "Your messages are safe. Try again in a moment."
    action = "retry"


class ReplyRunningError(ClientError):
    """A reply is still coming."""

    code = "reply-running"
    title = "A reply is still coming."
    detail = "Wait until it is complete, or stop it first."


class SettingsRefusedError(ClientError):
    """Settings of the wrong form."""

    code = "invalid-settings"
    title = "These settings cannot be used."
    detail = "Nothing was changed."


class UnconfirmedError(ClientError):
    """Mark: a reply without a valid signature of a known gateway (A52)."""

    code = "unconfirmed"
    title = "Not confirmed to be the assistant's."
    detail = "The signature of the gateway is missing or does not hold: whoever saved this text may have written it."


class ImportedReplyError(ClientError):
    """Mark: a reply from another product's file, which no gateway signed (A52)."""

    code = "imported"
    title = "Imported, not confirmed."
    detail = "It comes from a file of another product. Nobody can tell whether a model wrote it, or when."


class LegacyMessageError(ClientError):
    """Mark: a message that was in plaintext before it was encrypted (docs/protocol.md section 12)."""

    code = "from-plaintext"
    title = "From before encryption."
    detail = "The server could have changed this before it was encrypted."


class InterruptedReplyError(ClientError):
    """Mark: a reply of which only the beginning came (A50)."""

    code = "interrupted"
    title = "This reply was interrupted."
    detail = "What came before the interruption is kept, but the gateway did not confirm it. You can ask again."


class UnreadableError(ClientError):
    """Mark: a message whose content this version does not understand."""

    code = "unreadable"
    title = "This message cannot be shown."
    detail = "It is genuine, but this version of Balon does not understand it. Reload the page for a newer one."
    action = "reload"


class NotSentError(ClientError):
    """Mark: a message that did not reach the server."""

    code = "not-sent"
    title = "This message was not sent."
    detail = "The server could not be reached. It is kept here until it is sent or this tab is closed."
    action = "retry"


class ReplyFailedError(ClientError):
    """Mark: the gateway or the relay could not answer."""

    code = "reply-failed"
    title = "The model did not answer."
    detail = "Your message is saved. Ask again in a moment."
    action = "retry"


_REPLY_FAILURES = {
    "busy": ("The model is busy.", "Too many people are asking at once. Ask again in a moment."),
    "throttled": ("That was too fast.", "The server takes only so many requests a minute. Ask again in a moment."),
    "unknown-model": ("This model is not on offer any more.", "Choose another one and ask again."),
    "too-long": ("The conversation is too long for this model.", "Start a new conversation or choose another model."),
    "filtered": ("The model's own filter cut the reply.", "Put the question differently."),
    "model-unavailable": ("The model cannot be reached right now.", "Your message is saved. Ask again in a moment."),
    "gateway-unavailable": ("The model cannot be reached right now.", "Your message is saved. Ask again in a moment."),
    "model-timeout": ("The model fell silent.", "What came before is kept. Ask again in a moment."),
    "interrupted": ("The model broke off.", "What came before is kept. You can ask again."),
}


def reply_failure(code: str) -> ReplyFailedError:
    """The mark of a reply that ended with an error of the gateway or was refused by the relay."""
    title, detail = _REPLY_FAILURES.get(code, (None, None))
    return ReplyFailedError(title, detail)
