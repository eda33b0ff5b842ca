"""What the page sends along with a call: identifiers and texts, checked where they come in (docs/worker.md)."""

from uuid import UUID

from balon.protocol.encoding import parse_uuid
from balon.protocol.errors import EncodingError
from balon.protocol.roster import Role
from balon_client.payloads import MAX_TEXT
from balon_client.problems import ConversationGoneError, SettingsRefusedError, TextRefusedError, TooLongError


def parse_id(raw: object) -> UUID:
    """Reads an identifier.

    Raises:
        ConversationGoneError: It is none, so nothing is there.
    """
    try:
        return parse_uuid(raw if isinstance(raw, str) else "")
    except EncodingError:
        raise ConversationGoneError from None


def check_text(raw: object) -> str:
    """Reads what a person wrote, without the white space around it.

    Raises:
        TextRefusedError: It is empty or no text.
        TooLongError: It is more than a message can hold.
    """
    text = raw.strip() if isinstance(raw, str) else ""
    if not text:
        raise TextRefusedError
    if len(text) > MAX_TEXT:
        raise TooLongError
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TextRefusedError("This text cannot be sent.", "It holds half of a character.") from None
    return text


def parse_role(raw: object) -> Role:
    """Reads a role that somebody is given.

    Raises:
        SettingsRefusedError: It is none.
    """
    if raw not in {Role.OWNER, Role.MEMBER, Role.READER}:
        raise SettingsRefusedError("There is no such role.")
    return Role(str(raw))
