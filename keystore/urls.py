"""Routes under /api/v1/keys."""

from django.urls import path

from keystore import views

urlpatterns = [
    path("users/<uuid:user_id>", views.UserKeysView.as_view(), name="keys-of-user"),
    path("keyring", views.KeyringView.as_view(), name="keyring"),
]
