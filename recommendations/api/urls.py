"""The routes under ``/api/recommendations/``; the site's URL map adds search, similar movies and genres."""

from django.urls import URLPattern, path

from recommendations.api.discovery_views import LatestListView, PopularListView, TrendingListView
from recommendations.api.group_views import GroupListView
from recommendations.api.views import RecommendationListView, SessionListView

app_name = "recommendations"
urlpatterns: list[URLPattern] = [
    path("", RecommendationListView.as_view(), name="list"),
    path("popular/", PopularListView.as_view(), name="popular"),
    path("session/", SessionListView.as_view(), name="session"),
    path("group/", GroupListView.as_view(), name="group"),
    path("trending/", TrendingListView.as_view(), name="trending"),
    path("latest/", LatestListView.as_view(), name="latest"),
]
