"""The ASGI application: HTTP to Django, sockets to Channels. `daphne balon.asgi:application` serves it."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balon.settings")
http_application = get_asgi_application()

# These need the apps that the line above sets up.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import OriginValidator  # noqa: E402
from channels.sessions import SessionMiddlewareStack  # noqa: E402
from django.conf import settings  # noqa: E402

from conversations.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": OriginValidator(SessionMiddlewareStack(URLRouter(websocket_urlpatterns)), [settings.BALON_ORIGIN]),
    }
)
