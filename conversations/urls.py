"""Routes under /api/v1/conversations."""

from django.urls import path

from conversations import views

urlpatterns = [
    path("", views.ConversationsView.as_view(), name="conversations"),
    path("/<uuid:conversation_id>", views.ConversationView.as_view(), name="conversation"),
    path("/<uuid:conversation_id>/people", views.PeopleView.as_view(), name="people"),
    path("/<uuid:conversation_id>/roster", views.RosterView.as_view(), name="roster"),
    path("/<uuid:conversation_id>/messages", views.MessagesView.as_view(), name="messages"),
    path("/<uuid:conversation_id>/meta", views.MetaView.as_view(), name="meta"),
    path("/<uuid:conversation_id>/streams", views.StreamsView.as_view(), name="streams"),
]
