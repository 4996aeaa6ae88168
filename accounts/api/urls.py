"""The routes under this app of the API."""

from django.urls import URLPattern

app_name = "accounts"
urlpatterns: list[URLPattern] = []
