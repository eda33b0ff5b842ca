"""Routes of sockets."""

from django.urls import path

from conversations.consumers import BalonConsumer

websocket_urlpatterns = [path("ws/v1/", BalonConsumer.as_asgi())]
