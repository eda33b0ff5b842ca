"""The errors of an import: of a whole file, or of one conversation in it. Each is a problem that the page can show."""

from balon_client.errors import ClientError


class ImportRefusedError(ClientError):
    """Something that cannot be imported; the subclasses say what and why."""

    code = "import-refused"
    title = "This cannot be imported."


# --- Of a file ---


class ExportFileError(ImportRefusedError):
    """A file that cannot be read on: the conversations that were read before stand."""


class UnknownExportError(ExportFileError):
    """A file that is no export of a product that is known here."""

    code = "import-unknown"
    title = "This file is no export that Balon can read."
    detail = (
        "It reads the ZIP archive or conversations.json from ChatGPT, the chats that Open WebUI exports as JSON, and a "
        "conversation that LibreChat exports as JSON."
    )


class UnsupportedExportError(ExportFileError):
    """An export of a product that is known, but not read yet."""

    code = "import-unsupported"
    title = "This is an export of a product that Balon cannot read yet."
    detail = "Nothing of it was imported. ChatGPT, Open WebUI and LibreChat can be read."


class EmptyExportError(ExportFileError):
    """An export without a conversation."""

    code = "import-empty"
    title = "There is no conversation in this file."
    detail = "The export is whole, but empty. Ask the other product for a new one."


class DamagedExportError(ExportFileError):
    """A file that breaks off, or that is not built as its kind must be."""

    code = "import-damaged"
    title = "This file is damaged."
    detail = "It breaks off or was changed. What was read before the damage is whole. Download the export again."


class LockedExportError(ExportFileError):
    """An archive under a password."""

    code = "import-locked"
    title = "This archive is protected with a password."
    detail = "Nothing of it was imported. Unpack it first and choose the file conversations.json."


class ExportTooLargeError(ExportFileError):
    """A file, or what an archive unpacks to, beyond every real export."""

    code = "import-too-large"
    title = "This file is too large."
    detail = "It holds, or unpacks to, more than a browser can read. What was read before is whole."


# --- Of one conversation ---


class ConversationRefusedError(ImportRefusedError):
    """One conversation that cannot be imported; the others of its file can."""


class DamagedConversationError(ConversationRefusedError):
    """A conversation that is not built as its product builds them."""

    code = "import-conversation-damaged"
    title = "This conversation is damaged."
    detail = "It is not built as the other product builds conversations, so it was left out."


class EmptyConversationError(ConversationRefusedError):
    """A conversation in which nothing was said."""

    code = "import-conversation-empty"
    title = "Nothing was said in this conversation."
    detail = "It holds no message that was shown in the other product, so it was left out."


class DuplicateConversationError(ConversationRefusedError):
    """A conversation that stands in the file a second time."""

    code = "import-conversation-duplicate"
    title = "This conversation is in the file twice."
    detail = "The first one was taken."


class ConversationTooLargeError(ConversationRefusedError):
    """A conversation beyond what a browser can hold."""

    code = "import-conversation-too-large"
    title = "This conversation is too large."
    detail = "It is larger than a browser can read at once, often because of pictures inside it, so it was left out."
