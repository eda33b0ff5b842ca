"""Finding the person whom somebody wants to invite, by their login name."""

from uuid import UUID

from django.conf import settings

from accounts import selectors
from accounts.errors import UnknownLoginError
from accounts.throttles import Limit, count_attempt
from balon.protocol.errors import PasswordPolicyError
from balon.protocol.password import normalize_login
from keystore.models import KeyBundle
from keystore.selectors import get_bundle


def look_up(*, requester_id: UUID, login: str, address: str) -> KeyBundle:
    """The public keys of whoever has a login name. Whoever is signed in may ask, but not for a whole list of names.

    Args:
        requester_id: Who asks; each attempt counts for them.
        login: As typed; normalized here.
        address: Where the request comes from; each attempt counts for that place as well.

    Raises:
        UnknownLoginError: Nobody has it, or nobody could.
        Throttled: Too many attempts of this person, or from this address.
    """
    count_attempt("lookup", requester_id.bytes, Limit(*settings.BALON_LIMIT_LOOKUP))
    count_attempt("lookup-address", address.encode(), Limit(*settings.BALON_LIMIT_ADDRESS))
    user = selectors.find_account(_normalize(login))
    if user is None:
        raise UnknownLoginError
    return get_bundle(user.pk)


def _normalize(login: str) -> str:
    try:
        return normalize_login(login)
    except PasswordPolicyError as error:
        raise UnknownLoginError from error
