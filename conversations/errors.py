"""What can go wrong in conversations. Each is a problem detail with a stable code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException


class ConversationError(APIException):
    """The root of the package's errors; `extension` are further members of the problem detail (RFC 9457, 3.2)."""

    extension: Mapping[str, Any] = MappingProxyType({})
    status_code: int = status.HTTP_409_CONFLICT
    default_detail = "The conversation changed in the meantime."
    default_code = "conflict"


class NotFoundError(ConversationError):
    """Nothing that the requester may see."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "There is nothing here."
    default_code = "not-found"


class ForbiddenError(ConversationError):
    """A member who may see this may not do this."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Your role in this conversation does not allow this."
    default_code = "forbidden"


class InvalidRequestError(ConversationError):
    """A request that makes no sense."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "The request is not valid."
    default_code = "invalid"


class ConversationConflictError(ConversationError):
    """The conversation id stands for something else."""

    default_detail = "This conversation id stands for something else."


class SeqConflictError(ConversationError):
    """The seq is not the sender's next."""

    default_detail = "The number is not the next one of this sender."
    default_code = "seq-conflict"


class EpochConflictError(ConversationError):
    """The conversation is in another epoch."""

    default_detail = "The conversation has another key now."
    default_code = "epoch-conflict"


class MessageConflictError(ConversationError):
    """The message id stands with other bytes."""

    default_detail = "This message was saved with other content."
    default_code = "message-conflict"


class VersionConflictError(ConversationError):
    """The version is not the stored one plus 1."""

    default_detail = "Another version was stored in the meantime."
    default_code = "version-conflict"


class GatewayUnavailableError(ConversationError):
    """The inference gateway does not answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The inference gateway does not answer."
    default_code = "gateway-unavailable"


class RelayRefusedError(ConversationError):
    """The gateway, or the web tier on its way there, refuses a sealed request; `code` is one of docs/api.md."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "invalid"


class MigrationOpenError(ConversationError):
    """A conversation of a migration that is not over."""

    default_detail = "Texts from before encryption are still being moved into this conversation. Finish that first."
    default_code = "migration-open"


class _MigrationError(ConversationError):
    """With what there is instead."""

    def __init__(self, **extension: Any) -> None:
        super().__init__()
        self.extension = extension


class LeaseHeldError(_MigrationError):
    """Another tab works; `expires_ms` says until when, if nothing more is heard of it."""

    default_detail = "Another tab or device is moving your texts at this moment."
    default_code = "lease-held"


class LeaseLostError(_MigrationError):
    """The lease is another tab's, or nobody's."""

    default_detail = "Another tab or device took over moving your texts."
    default_code = "lease-lost"


class MigrationConflictError(_MigrationError):
    """Something else was stored for the same texts, and is named."""

    default_detail = "Something else was stored for these texts."
    default_code = "migration-conflict"


class MigrationIncompleteError(_MigrationError):
    """A text has no verified message; how many are in which state is named."""

    default_detail = "Not every text is encrypted and verified yet, so none is deleted."
    default_code = "migration-incomplete"


class MigrationFinishingError(_MigrationError):
    """There is no way back."""

    default_detail = "The texts are being deleted already: there is no way back."
    default_code = "migration-finishing"


class MigrationFinishedError(_MigrationError):
    """Nothing is left to move."""

    default_detail = "All texts are moved already."
    default_code = "migration-finished"
