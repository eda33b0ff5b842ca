"""Who is asking: the session cookie of a person, and the token that protects every unsafe request.

A person's session is apart from Django's own login, which is for operators: neither passes for the other.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token, rotate_token
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from accounts.models import SignInSession, User
from accounts.selectors import find_session
from accounts.sessions import note_browser, note_use
from accounts.sessions_devices import describe_device
from balon.protocol.encoding import parse_uuid
from balon.protocol.errors import EncodingError

_SESSION_KEY = "sign_in_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CsrfRefusedError(PermissionDenied):
    """An unsafe request without the page's token."""

    default_detail = "The request did not carry the page's token. Reload the page."
    default_code = "csrf-refused"


class PersonAuthentication(BaseAuthentication):
    """Authenticates by session, and asks for the CSRF token whether there is a session or not."""

    def authenticate(self, request: Request) -> tuple[User, SignInSession] | None:
        """The person and their session, or None for a visitor."""
        plain = plain_request(request)
        if request.method not in _SAFE_METHODS:
            _enforce_csrf(plain)
        session = session_of(plain.session)
        return None if session is None else (session.user, session)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the base's signature
        """Makes refusals 401; browsers ignore this scheme."""
        return "Session"


class PersonAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the cookie in the OpenAPI document."""

    target_class = PersonAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - the base's signature
        """A cookie; its name depends on the scheme of the origin."""
        return {"type": "apiKey", "in": "cookie", "name": "balon-session"}


def plain_request(request: Request) -> HttpRequest:
    """The Django request inside that of Django REST framework."""
    inner: HttpRequest = request._request  # noqa: SLF001 - it has no public name
    return inner


def session_of(cookie_session: Any) -> SignInSession | None:
    """The standing sign-in session that a cookie's session names. That it was used is noted, once a minute."""
    try:
        session_id = parse_uuid(cookie_session.get(_SESSION_KEY))
    except EncodingError:
        return None
    session = find_session(session_id)
    if session is not None:
        note_use(session)
    return session


def require_session(request: Request) -> SignInSession:
    """The session of the person who is signed in.

    Raises:
        NotAuthenticated: Nobody is.
    """
    if not isinstance(request.auth, SignInSession):
        raise NotAuthenticated
    return request.auth


def remember_session(request: HttpRequest, session: SignInSession) -> None:
    """Ties the browser to a session under a new cookie value, with a new CSRF token."""
    request.session.flush()
    request.session.clear_expired()
    request.session.create()
    request.session[_SESSION_KEY] = str(session.pk)
    note_browser(
        session,
        cookie_key=str(request.session.session_key),
        device=describe_device(request.headers.get("User-Agent", "")),
    )
    rotate_token(request)


def forget_session(request: HttpRequest) -> None:
    """Drops the cookie's session; the CSRF token changes too."""
    request.session.flush()
    rotate_token(request)


def csrf_token(request: Request) -> str:
    """The token for `X-CSRFToken`; its cookie is set with the answer."""
    return get_token(plain_request(request))


def _enforce_csrf(request: HttpRequest) -> None:
    check = CSRFCheck(_answer_nothing)
    check.process_request(request)
    if check.process_view(request, _answer_nothing, (), {}):
        raise CsrfRefusedError


def _answer_nothing(_request: HttpRequest) -> HttpResponse:
    """Stands where Django expects the view, which the check only looks at for an exemption."""
    return HttpResponse()
