"""The URL map of the whole site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/auth/", include("accounts.api.urls")),
    path("api/movies/", include("movies.api.urls")),
    path("api/events/", include("events.api.urls")),
    path("api/recommendations/", include("recommendations.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(permission_classes=[AllowAny]), name="docs"),
]
