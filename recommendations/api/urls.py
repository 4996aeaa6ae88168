"""The routes under this app of the API."""

from django.urls import URLPattern

app_name = "recommendations"
urlpatterns: list[URLPattern] = []
