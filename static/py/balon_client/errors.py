"""The client's error tree: each is a problem that the page can show to a person (docs/worker.md)."""

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from balon_client.ports.keys import OpenedFrame

Action = Literal["retry", "sign-in", "unlock", "reload"]


class ClientError(Exception):
    """A refusal with what was refused (`title`), why it matters (`detail`) and what the person can do (`action`).

    A subclass sets the defaults; whoever raises may replace title, detail and action, never the stable code.
    """

    code: ClassVar[str] = "error"
    title: str = "Something went wrong."
    detail: str = ""
    action: Action | None = None

    def __init__(self, title: str | None = None, detail: str | None = None, *, action: Action | None = None) -> None:
        self.title = title if title is not None else self.title
        self.detail = detail if detail is not None else self.detail
        self.action = action if action is not None else self.action
        super().__init__(self.title)

    @property
    def problem(self) -> dict[str, str | None]:
        """What the page gets: `{code, title, detail, action}`."""
        return {"code": self.problem_code, "title": self.title, "detail": self.detail, "action": self.action}

    @property
    def problem_code(self) -> str:
        """The stable code; a `ProblemError` has the server's."""
        return self.code


class DecryptionError(ClientError):
    """Sealed bytes did not open. One error and one message for every reason (docs/protocol.md section 3, A18)."""

    code = "decryption-failed"
    title = "This could not be opened."
    detail = "It was changed on its way, or it is not meant for these keys."

    def __init__(self) -> None:
        super().__init__()


class DamagedFramesError(DecryptionError):
    """A frame of a reply did not open; what came before it did and may be shown (docs/protocol.md section 9)."""

    def __init__(self, opened: "Sequence[OpenedFrame]") -> None:
        super().__init__()
        self.opened = tuple(opened)
        """The frames before the damage, in order."""


class SignatureError(ClientError):
    """A signature is not one of the expected key over the expected statement."""

    code = "signature-refused"
    title = "A signature does not hold."
    detail = "The server may have changed what it stores. Nothing of it was used."

    def __init__(self) -> None:
        super().__init__()


class KeyPairError(ClientError):
    """A private key that opened does not belong to its public key: an alarm (docs/protocol.md section 4)."""

    code = "key-pair-mismatch"
    title = "A key of this account does not fit its public half."
    detail = "The server may have replaced it. Nothing was sent with it."

    def __init__(self) -> None:
        super().__init__()


class RandomnessError(ClientError):
    """The random number generator repeated itself; nothing is sealed with it (A21)."""

    code = "randomness-failed"
    title = "The random numbers of this browser cannot be trusted."
    detail = "Two that must differ were equal. Nothing was encrypted with them."
    action = "reload"

    def __init__(self) -> None:
        super().__init__()


class UnsupportedBrowserError(ClientError):
    """The browser lacks a primitive of the protocol, or the page is not in a secure context."""

    code = "unsupported-browser"
    title = "This browser is too old for Balon."


class StorageError(ClientError):
    """The browser's storage failed where that must not go unnoticed: wiping it."""

    code = "storage-failed"
    title = "The browser's storage could not be cleared."
    detail = "Close all tabs of Balon and clear this site's data in the browser's settings."


class FileGoneError(ClientError):
    """A file that the person chose cannot be read."""

    code = "file-gone"
    title = "This file cannot be read."
    detail = "It was moved, changed or deleted since you chose it. Choose it again."


class NetworkError(ClientError):
    """The server could not be reached, or did not answer in time. Nothing is known of what it did."""

    code = "network"
    title = "The server cannot be reached."
    detail = "It will be tried again when the connection is back."
    action = "retry"


class SocketClosedError(NetworkError):
    """The socket is closed; `close_code` is the server's (RFC 6455 section 7.4), 4401 when the session ended."""

    def __init__(self, close_code: int = 1006) -> None:
        super().__init__()
        self.close_code = close_code


class ResponseError(ClientError):
    """The server's answer is not of the form that docs/api.md promises."""

    code = "bad-response"
    title = "The server gave an answer that makes no sense."


class ProblemError(ClientError):
    """The server refused a request with problem details (RFC 9457); has the server's code."""

    def __init__(
        self, status: int, code: str, *, title: str = "", detail: str = "", retry_after_s: int | None = None
    ) -> None:
        super().__init__(title or None, detail or None)
        self.status = status
        self.server_code = code
        self.retry_after_s = retry_after_s

    @property
    def problem_code(self) -> str:
        """The server's code."""
        return self.server_code
