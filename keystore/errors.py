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
