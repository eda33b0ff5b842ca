"""Routes of the web tier."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from accounts.lookup_views import LookupView
from accounts.views import SessionView
from balon import problems, views
from conversations.disclosure_views import DisclosureView
from conversations.views import InferenceConfigView

api: list[URLPattern | URLResolver] = [
    path("session", SessionView.as_view(), name="session"),
    path("accounts", include("accounts.urls")),
    path("accounts/disclosure", DisclosureView.as_view(), name="disclosure"),
    path("keys/", include("keystore.urls")),
    path("keys/lookup", LookupView.as_view(), name="keys-lookup"),
    path("conversations", include("conversations.urls")),
    path("migration", include("conversations.migration_urls")),
    path("inference/config", InferenceConfigView.as_view(), name="inference-config"),
]

urlpatterns = [
    path("", views.page, name="page"),
    path("c/<uuid:conversation_id>", views.page, name="page-on-conversation"),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
    path("healthz", views.health, name="health"),
    path("readyz", views.readiness, name="readiness"),
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.page_not_found
handler500 = problems.server_error
