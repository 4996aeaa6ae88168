"""The route under ``/api/events/``."""

from django.urls import URLPattern, path

from events.api.views import EventListView

app_name = "events"
urlpatterns: list[URLPattern] = [
    path("", EventListView.as_view(), name="list"),
]
