"""Who asks, for the views of all apps."""

from uuid import UUID

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request


def requester_id_of(request: Request) -> UUID:
    """The person who is signed in.

    Raises:
        NotAuthenticated: Nobody is.
    """
    identifier = getattr(request.user, "pk", None)
    if not isinstance(identifier, UUID):
        raise NotAuthenticated
    return identifier
