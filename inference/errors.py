"""What can go wrong in the gateway, and the stable codes that clients see.

Refusals, before a reply starts: problem details (RFC 9457) with one of these codes.

| code | status | meaning |
|---|---|---|
| `bad-request` | 400 | the request does not open, or what it holds is malformed; never more detail than that |
| `cross-origin` | 403 | a browser sent this on behalf of a page; only the web tier speaks to the gateway |
| `unknown-stream` | 404 | stop was asked for a reply that is not running here (it may have ended) |
| `replayed` | 409 | these very bytes were answered before |
| `too-large` | 413 | the body is larger than the gateway takes |
| `unknown-key` | 421 | the key is not this gateway's, or it expired: fetch `/v1/keys` and seal again |
| `busy` | 503 | the gateway cannot remember more requests for the time being |

Endings, once a reply started: the final frame carries `{"error": code}`, signed like every final frame.

| code | meaning |
|---|---|
| `busy` | too many replies are running or waiting |
| `unknown-model` | the gateway does not offer this model |
| `too-long` | the conversation does not fit the model's context |
| `filtered` | the model's own filter cut the reply |
| `model-unavailable` | the model could not be reached, refused the gateway, or failed before its first word |
| `model-timeout` | the model fell silent for too long |
| `interrupted` | the model broke off in the middle of the reply |
| `internal` | a fault of the gateway itself |

The words that a person reads are the client's.
"""

from typing import ClassVar, Literal

ReplyErrorCode = Literal[
    "busy",
    "unknown-model",
    "too-long",
    "filtered",
    "model-unavailable",
    "model-timeout",
    "interrupted",
    "internal",
]


class GatewayError(Exception):
    """The root of the gateway's errors."""


class SettingsError(GatewayError):
    """A setting that is missing or makes no sense; the message names it."""


class IdentityError(GatewayError):
    """The identity's file cannot be trusted or read."""


class ReplyError(GatewayError):
    """A reply that ends with an error frame; it carries a code and never a text of the model's server."""

    def __init__(self, code: ReplyErrorCode) -> None:
        super().__init__(code)
        self.code: ReplyErrorCode = code


class RefusedError(GatewayError):
    """A request that is refused before a reply starts."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]


class BadRequestError(RefusedError):
    """The request does not open or is malformed: one answer for every reason, so that it is no oracle."""

    status = 400
    code = "bad-request"
    title = "The request cannot be read."


class CrossOriginError(RefusedError):
    """A browser is asking: no page has business here, and one of another origin could spend the model."""

    status = 403
    code = "cross-origin"
    title = "The gateway does not answer browsers."


class UnknownStreamError(RefusedError):
    """No reply of this id is running here."""

    status = 404
    code = "unknown-stream"
    title = "No such reply is running."


class ReplayedError(RefusedError):
    """The same sealed bytes a second time."""

    status = 409
    code = "replayed"
    title = "This request was answered before."


class TooLargeError(RefusedError):
    """The body exceeds the limit."""

    status = 413
    code = "too-large"
    title = "The request is too large."


class UnknownKeyError(RefusedError):
    """The key id is unknown here, or its key expired."""

    status = 421
    code = "unknown-key"
    title = "The request is sealed to a key that is not in use."


class BusyError(RefusedError):
    """The memory of answered requests is full until a key expires."""

    status = 503
    code = "busy"
    title = "The gateway is busy."
