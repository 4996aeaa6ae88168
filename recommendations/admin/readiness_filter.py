"""The list of movies in the admin, filtered by what a movie lacks."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from movies.admin import MovieAdmin
from movies.models import Movie
from recommendations.training.readiness import ISSUES, movies_lacking


class ReadinessFilter(admin.SimpleListFilter):
    """Published movies that lack what a recommendation needs, as the page of the catalogue's readiness counts them."""

    title = "readiness"
    parameter_name = "lacking"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(issue.key, issue.label.lower()) for issue in ISSUES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        if self.value() not in {issue.key for issue in ISSUES}:
            return queryset
        return queryset.filter(movies_lacking(str(self.value())), status=Movie.Status.PUBLISHED)


_filters: list[Any] = [*MovieAdmin.list_filter, ReadinessFilter]
MovieAdmin.list_filter = _filters
