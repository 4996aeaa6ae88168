"""The routes under this app of the API."""

from django.urls import URLPattern

app_name = "movies"
urlpatterns: list[URLPattern] = []
