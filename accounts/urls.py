"""Routes under /api/v1/accounts."""

from django.urls import path

from accounts import changes_views, deletion_views, legacy_views, recovery_views, rotation_views, sessions_views, views

urlpatterns = [
    path("", views.AccountsView.as_view(), name="sign-up"),
    path("/prelogin", views.PreloginView.as_view(), name="prelogin"),
    path("/login", views.LoginView.as_view(), name="login"),
    path("/legacy", legacy_views.LegacyView.as_view(), name="legacy"),
    path("/logout", views.LogoutView.as_view(), name="logout"),
    path("/self", views.SelfView.as_view(), name="account"),
    path("/password", changes_views.PasswordView.as_view(), name="password"),
    path("/login-name", changes_views.LoginNameView.as_view(), name="login-name"),
    path("/kdf", changes_views.KdfView.as_view(), name="kdf"),
    path("/keys", rotation_views.KeysView.as_view(), name="keys"),
    path("/recovery", recovery_views.RecoveryView.as_view(), name="recovery"),
    path("/recovery/prelogin", recovery_views.RecoveryPreloginView.as_view(), name="recovery-prelogin"),
    path("/recovery/open", recovery_views.RecoveryOpenView.as_view(), name="recovery-open"),
    path("/sessions", sessions_views.SessionsView.as_view(), name="sessions"),
    path("/sessions/<uuid:session_id>", sessions_views.OneSessionView.as_view(), name="one-session"),
    path("/deletion", deletion_views.DeletionView.as_view(), name="deletion"),
]
