"""Routes of sockets."""

from typing import Any

from django.urls import path

from conversations.consumers import BalonConsumer

# Django's `path` takes ASGI applications at run time, though its types only know views.
_socket: Any = BalonConsumer.as_asgi()
websocket_urlpatterns: list[Any] = [path("ws/v1/", _socket)]
