"""The pages that links in mails lead to."""

from django.urls import path

from accounts.pages import views

app_name = "account-pages"
urlpatterns = [
    path("register/<str:token>/", views.RegisterPage.as_view(), name="register"),
    path("reset/<str:token>/", views.ResetPage.as_view(), name="reset"),
]
