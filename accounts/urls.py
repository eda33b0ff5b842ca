"""Routes under /api/v1/accounts."""

from django.urls import path

from accounts import deletion_views, sessions_views, views

urlpatterns = [
    path("", views.AccountsView.as_view(), name="sign-up"),
    path("/prelogin", views.PreloginView.as_view(), name="prelogin"),
    path("/login", views.LoginView.as_view(), name="login"),
    path("/logout", views.LogoutView.as_view(), name="logout"),
    path("/self", views.SelfView.as_view(), name="account"),
    path("/sessions", sessions_views.SessionsView.as_view(), name="sessions"),
    path("/sessions/<uuid:session_id>", sessions_views.OneSessionView.as_view(), name="one-session"),
    path("/deletion", deletion_views.DeletionView.as_view(), name="deletion"),
]
