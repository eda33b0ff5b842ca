"""What can go wrong with keys, rosters and grants. Each is a problem detail with a stable code."""

from rest_framework import status
from rest_framework.exceptions import APIException


class KeystoreError(APIException):
    """The root of the package's errors."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    default_detail = "The request is not valid."
    default_code = "invalid"


class InvalidStatementError(KeystoreError):
    """A statement that does not parse, does not say what it must, or is not signed by whom it must be."""

    default_detail = "A signed statement is not valid."


class VersionConflictError(KeystoreError):
    """The version is not the stored one plus 1."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "Another version was stored in the meantime."
    default_code = "version-conflict"


class UnknownUserError(KeystoreError):
    """Nobody, or nobody whom the requester may see."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "There is nothing here."
    default_code = "not-found"


class RosterConflictError(KeystoreError):
    """A roster entry that does not follow the newest one."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The list of people changed in the meantime."
    default_code = "roster-conflict"


class ForbiddenEntryError(KeystoreError):
    """A roster entry that its actor has no right to make."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Your role in this conversation does not allow this."
    default_code = "forbidden"


class LastOwnerError(KeystoreError):
    """A roster entry after which nobody would own the conversation."""

    default_detail = "A conversation keeps an owner."
    default_code = "last-owner"


class RoomFullError(KeystoreError):
    """A roster entry after which too many people would be in the conversation."""

    default_detail = "No more people fit into this conversation."
    default_code = "room-full"


class RotationIncompleteError(KeystoreError):
    """A replacement of keys that leaves out a grant, or brings one that there was not."""

    default_detail = "The replacement of keys does not cover all that is on record."
    default_code = "rotation-incomplete"


class UnknownRosterError(KeystoreError):
    """A conversation that does not exist."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "There is nothing here."
    default_code = "not-found"
