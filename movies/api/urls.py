"""The routes under ``/api/movies/``."""

from django.urls import URLPattern, path

from movies.api.views import MovieDetailView, MovieListView

app_name = "movies"
urlpatterns: list[URLPattern] = [
    path("", MovieListView.as_view(), name="list"),
    path("<int:pk>/", MovieDetailView.as_view(), name="detail"),
]
