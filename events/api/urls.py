"""The routes under ``/api/events/``."""

from django.urls import URLPattern, path

from events.api.shelves import BegunView, HiddenMovieView, HiddenView, WatchlistView
from events.api.views import EventListView, EventView

app_name = "events"
urlpatterns: list[URLPattern] = [
    path("", EventListView.as_view(), name="list"),
    path("hidden/", HiddenView.as_view(), name="hidden"),
    path("hidden/<int:movie_id>/", HiddenMovieView.as_view(), name="hidden-movie"),
    path("watchlist/", WatchlistView.as_view(), name="watchlist"),
    path("continue-watching/", BegunView.as_view(), name="continue-watching"),
    path("<uuid:event_id>/", EventView.as_view(), name="event"),
]
