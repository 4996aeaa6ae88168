"""The routes under ``/api/recommendations/``; SimilarListView is routed under ``/api/movies/`` by the root."""

from django.urls import URLPattern, path

from recommendations.api.views import PopularListView, RecommendationListView

app_name = "recommendations"
urlpatterns: list[URLPattern] = [
    path("", RecommendationListView.as_view(), name="list"),
    path("popular/", PopularListView.as_view(), name="popular"),
]
