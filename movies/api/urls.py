"""The routes under ``/api/movies/``. The URL map of the site adds those of recommendations, such as a movie's page."""

from django.urls import URLPattern, path

from movies.api.views import MovieListView

app_name = "movies"
urlpatterns: list[URLPattern] = [
    path("", MovieListView.as_view(), name="list"),
]
