"""What can go wrong with accounts. Each is a problem detail with a stable code."""

from rest_framework import status
from rest_framework.exceptions import APIException


class AccountError(APIException):
    """The root of the package's errors."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    default_detail = "The request is not valid."
    default_code = "invalid"


class InvalidSignUpError(AccountError):
    """A sign-up whose parts do not fit together."""


class LoginTakenError(AccountError):
    """Someone has this login name."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This login name is taken."
    default_code = "login-taken"


class ProofRefusedError(AccountError):
    """A proof over a body that does not stand: one answer for every reason."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "The proof was refused."
    default_code = "proof-refused"


class SignInRefusedError(AccountError):
    """A sign-in that failed: one answer for every reason, an unknown login name among them."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "Login name or password are not right."
    default_code = "sign-in-refused"


class InvalidChangeError(AccountError):
    """A change of an account whose parts do not fit together."""


class RecoveryRefusedError(AccountError):
    """A recovery that failed: one answer for every reason, an unknown kit among them."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "The recovery kit was refused."
    default_code = "recovery-refused"


class RecoveryUsedError(AccountError):
    """A kit that was used before; said only to whoever proves that they hold it."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "This recovery kit was used before. Each kit works once."
    default_code = "recovery-used"


class UnknownSessionError(AccountError):
    """No session, or none of the requester's."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "There is nothing here."
    default_code = "not-found"


class UnknownLoginError(AccountError):
    """Nobody has this login name."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "Nobody here has this login name."
    default_code = "unknown-login"


class InstallationKeyError(Exception):
    """What rests in the database does not open under the installation keys: an operator's fault, never a person's."""
