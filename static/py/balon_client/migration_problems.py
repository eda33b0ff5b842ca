"""Problems and alarms of a migration from plaintext (docs/protocol.md section 12; docs/threats.md A40)."""

from balon_client.alarms import AlarmError
from balon_client.errors import ClientError


class MigrationRunningError(ClientError):
    """Something about the migration while it goes on in this tab."""

    code = "migration-running"
    title = "Your older conversations are being encrypted."
    detail = "Pause that first, or wait until it is done."


class MigrationElsewhereError(ClientError):
    """Another tab or device is at work."""

    code = "migration-elsewhere"
    title = "Another tab or device is encrypting your older conversations."
    detail = "One works at a time. Pause it there, or wait until half a minute after it was closed."
    action = "retry"


class MigrationOverError(ClientError):
    """There is nothing in plaintext any more, or there never was."""

    code = "migration-over"
    title = "All of your conversations are encrypted."
    detail = "There is nothing left to do, and no way back to plaintext."


class MigrationIncompleteError(ClientError):
    """Finish before every message was read back."""

    code = "migration-incomplete"
    title = "Not everything is encrypted yet."
    detail = "Nothing was deleted. Resume first; Finish is possible once every message was read back and opened."


class MigrationEndedError(ClientError):
    """The session was locked or ended meanwhile."""

    code = "migration-ended"
    title = "Encrypting was ended."
    detail = "Balon was locked or signed out. What is encrypted stays so: resume to go on."


class MigrationFullError(ClientError):
    """More conversations than the keyring can remember, those of before encryption and others together."""

    code = "migration-full"
    title = "Your account has no room for all of your older conversations."
    detail = (
        "Balon remembers something of each conversation, and of 1600 at most. Delete some that you do not need from "
        "your list, then go on. What is encrypted stays so."
    )


class MigrationTooLargeError(ClientError):
    """More conversations from before encryption than any keyring can remember: Finish would be out of reach."""

    code = "migration-too-large"
    title = "You have more older conversations than an account has room for."
    detail = (
        "Balon remembers something of each conversation, and of 1600 at most, so nothing was begun. You can go on "
        "reading them in plaintext, and roll back what was encrypted before. Ask whoever runs this server to split "
        "them among several accounts."
    )


class MigrationBrokenOffError(ClientError):
    """The server could not be reached, or failed, again and again."""

    code = "migration-broken-off"
    title = "The server did not take more."
    detail = "It could not be reached, or failed, several times. What is encrypted stays so: resume later."
    action = "retry"


class PlaintextError(ClientError):
    """Mark: a message that is still in plaintext."""

    code = "plaintext"
    title = "Not encrypted: the server could have changed this."
    detail = "It was written before encryption. Nothing proves that it is what was written then."


# --- Alarms ---


class LegacyRowsError(AlarmError):
    """Rows that are repeated, left out, out of order or in another conversation."""

    code = "migration-rows"
    title = "The server repeated, left out or mixed up older messages."
    detail = "Each message has one place, and what came does not fit. None of it was encrypted."


class LegacyChangedError(AlarmError):
    """Plaintext that is another one than was read or encrypted before."""

    code = "migration-changed"
    title = "The server changed an older conversation."
    detail = (
        "What it gives now is not what it gave before. What is encrypted already is what came first. Look at both "
        "before you go on; Roll back starts anew from what the server has now."
    )


class LegacyCountsError(AlarmError):
    """Counts that do not agree with each other or with what was counted here."""

    code = "migration-counts"
    title = "The server's counts of your older messages do not agree."
    detail = "It names other numbers than it gave messages, or fewer than before. Nothing was deleted at your word."


class NotStoredError(AlarmError):
    """Messages that the server took and does not give back as they were sealed."""

    code = "migration-not-stored"
    title = "The server did not keep what was encrypted."
    detail = (
        "It said that it has messages which it does not give back. They count as not encrypted; nothing is deleted."
    )


class MigrationLostError(AlarmError):
    """Encrypted conversations that the keyring knows of and the server has not any more."""

    code = "migration-lost"
    title = "Conversations that were encrypted are gone."
    detail = (
        "The server has not what this account's keyring remembers: it was restored from a backup, or hides it. Roll "
        "back to encrypt them anew."
    )


class UntrueProgressError(AlarmError):
    """A claim about progress that this account's own count denies."""

    code = "migration-untrue"
    title = "The server claims that your older conversations are encrypted."
    detail = "This account's own count says otherwise. Nothing that it says about this is believed."
