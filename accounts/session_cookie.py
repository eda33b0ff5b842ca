"""The cookie of a browser's session."""

from django.conf import settings
from django.contrib.sessions import middleware
from django.http import HttpRequest, HttpResponse


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's, except that only a sign-out takes the cookie away.

    Django removes a cookie whose session is unknown with any answer. The answer to a late request of a session that
    ended would so take away the cookie of the session that came after it in the same browser.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Sets the cookie, or removes it where the request ended its session."""
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and not cookie.value and not request.session.modified:
            del response.cookies[settings.SESSION_COOKIE_NAME]
        return response
