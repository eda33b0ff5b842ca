"""Routes under /api/v1/migration."""

from django.urls import path

from conversations import migration_views as views

urlpatterns = [
    path("", views.MigrationView.as_view(), name="migration"),
    path("/conversations", views.LegacyConversationsView.as_view(), name="migration-conversations"),
    path(
        "/conversations/<uuid:legacy_conversation_id>/messages",
        views.LegacyMessagesView.as_view(),
        name="migration-messages",
    ),
    path("/conversations/<uuid:legacy_conversation_id>/begin", views.BeginView.as_view(), name="migration-begin"),
    path("/lease", views.LeaseView.as_view(), name="migration-lease"),
    path("/lease/release", views.ReleaseView.as_view(), name="migration-release"),
    path("/batches", views.BatchesView.as_view(), name="migration-batches"),
    path("/verified", views.VerifiedView.as_view(), name="migration-verified"),
    path("/rollback", views.RollbackView.as_view(), name="migration-rollback"),
    path("/finish", views.FinishView.as_view(), name="migration-finish"),
]
