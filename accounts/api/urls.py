"""The routes under ``/api/auth/``."""

from django.urls import path

from accounts.api import views
from accounts.privacy.api.views import AccountView, ExportView, ResetView

app_name = "accounts"
urlpatterns = [
    path("register/", views.RegisterView.as_view(), name="register"),
    path("register/confirm/", views.RegisterConfirmView.as_view(), name="register-confirm"),
    path("token/", views.TokenView.as_view(), name="token"),
    path("refresh/", views.RefreshView.as_view(), name="refresh"),
    path("logout/", views.LogoutView.as_view(), name="logout"),
    path("logout-everywhere/", views.LogoutEverywhereView.as_view(), name="logout-everywhere"),
    path("password/", views.PasswordView.as_view(), name="password"),
    path("password/reset/", views.PasswordResetView.as_view(), name="password-reset"),
    path("password/reset/confirm/", views.PasswordResetConfirmView.as_view(), name="password-reset-confirm"),
    path("me/", AccountView.as_view(), name="me"),
    path("me/export/", ExportView.as_view(), name="export"),
    path("me/reset/", ResetView.as_view(), name="reset"),
]
