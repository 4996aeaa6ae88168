"""The URL map of the whole site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from recommendations.api.discovery_views import GenreListView, SearchView, SimilarListView
from recommendations.api.home_views import HomeView
from recommendations.api.rank_views import RankView
from recommendations.api.views import MoviePageView
from recsys_project import health
from recsys_project.metrics.view import metrics
from recsys_project.schema import DocsView, SchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="docs"), name="home"),
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
    path("accounts/", include("accounts.pages.urls")),
    path("api/auth/", include("accounts.api.urls")),
    path("api/users/", include("accounts.api.client_urls")),
    path("api/rank/", RankView.as_view(), name="rank"),
    path("api/groups/", include("accounts.groups.api.urls")),
    path("api/movies/search/", SearchView.as_view(), name="movie-search"),
    path("api/movies/", include("movies.api.urls")),
    path("api/movies/<int:pk>/", MoviePageView.as_view(), name="movie"),
    path("api/movies/<int:movie_id>/similar/", SimilarListView.as_view(), name="movie-similar"),
    path("api/genres/", GenreListView.as_view(), name="genres"),
    path("api/events/", include("events.api.urls")),
    path("api/taste-imports/", include("events.taste.api.urls")),
    path("api/recommendations/", include("recommendations.api.urls")),
    path("api/home/", HomeView.as_view(), name="home-rows"),
    path("api/experiments/", include("recommendations.api.experiment_urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(), name="docs"),
]

# Errors outside REST views, in the same shape (see recsys_project/exceptions.py).
handler400 = "recsys_project.exceptions.bad_request"
handler403 = "recsys_project.exceptions.permission_denied"
handler404 = "recsys_project.exceptions.page_not_found"
handler500 = "recsys_project.exceptions.server_error"
