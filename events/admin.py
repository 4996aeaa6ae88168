"""What people did, in the admin: events and served lists to read, ratings to correct."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.widgets import UnfoldForeignKeyRawIdWidget

from accounts.models import User
from events.list_invalidation import invalidate_user_on_commit
from events.models import Interaction, ListImpression, Rating, ServedRecommendation, Tag
from movies.caching.announcing import AnnouncingAdmin
from movies.models import Movie
from movies.paginator import EstimatedCountPaginator
from movies.text import search_key_typed
from recsys_project.staff_admin import StaffModelAdmin

MAX_MATCHES = 1_000


def people_named(term: str) -> list[int]:
    """The ids of the people with this e-mail address or id. One query."""
    people = list(User.objects.filter(email=term.lower()).values_list("pk", flat=True))
    if term.isascii() and term.isdigit() and len(term) < 19:
        people.append(int(term))
    return people


class NumberWidget(UnfoldForeignKeyRawIdWidget):
    """Shows a person's id alone, for staff who may not view people."""

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        """Empty: the label would be the person's e-mail address."""
        return "", ""


class BigTableAdmin(StaffModelAdmin):
    """A table of millions of rows: no full count, newest first by key, and a search that uses indexes."""

    show_full_result_count = False
    paginator = EstimatedCountPaginator
    list_per_page = 50
    ordering = ["-pk"]
    # Present so that the search box is shown; get_search_results decides what it means.
    search_fields = ["movie__title"]
    search_help_text = "The e-mail address or id of a person, or part of the title of a movie."
    raw_id_fields = ["user"]
    autocomplete_fields = ["movie"]
    list_select_related = ["user", "movie"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user" and not request.user.has_perm("accounts.view_user"):
            kwargs["widget"] = NumberWidget(db_field.remote_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds people and movies first: a join on a title would read the whole table."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        people = people_named(term)
        titled = Movie.objects.filter(search_title__contains=search_key_typed(term)).order_by("pk")
        movies = titled.values_list("pk", flat=True)[:MAX_MATCHES]
        return queryset.filter(Q(user_id__in=people) | Q(movie_id__in=list(movies))), False


class ReadOnlyAdmin(StaffModelAdmin):
    """A log: nobody adds or edits rows here. They are deleted with their person or movie."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only as part of deleting another object, whose page asks this for every row deleted with it."""
        page = (request.resolver_match and request.resolver_match.url_name) or ""
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return not page.startswith(own) and super().has_delete_permission(request, obj)


@admin.register(Interaction)
class InteractionAdmin(ReadOnlyAdmin, BigTableAdmin):
    list_display = ["user", "kind", "movie", "value", "progress", "source", "occurred_at", "undone_at"]
    list_filter = ["kind"]


@admin.register(Rating)
class RatingAdmin(AnnouncingAdmin, BigTableAdmin):
    list_display = ["user", "movie", "value", "rated_at"]

    def save_model(self, request: HttpRequest, obj: Rating, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        invalidate_user_on_commit(obj.user_id)

    def delete_model(self, request: HttpRequest, obj: Rating) -> None:
        super().delete_model(request, obj)
        invalidate_user_on_commit(obj.user_id)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Rating]) -> None:
        """In one transaction, so that every deletion comes with the invalidation of the list."""
        people = set(queryset.order_by().values_list("user_id", flat=True))
        super().delete_queryset(request, queryset)
        for user_id in people:
            invalidate_user_on_commit(user_id)


@admin.register(Tag)
class TagAdmin(BigTableAdmin):
    list_display = ["user", "movie", "text", "tagged_at"]


class ListLogAdmin(ReadOnlyAdmin):
    """A table of the log of served lists: as BigTableAdmin, for rows of many movies."""

    list_select_related = ["user"]
    show_full_result_count = False
    paginator = EstimatedCountPaginator
    list_per_page = 50
    # Present so that the search box is shown; get_search_results decides what it means.
    search_fields = ["request_id"]
    search_help_text = "The e-mail address or id of a person, or the id of a list."
    list_id_field = "pk"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds by what has an index."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(**{self.list_id_field: UUID(term)}), False
        except ValueError:
            return queryset.filter(user_id__in=people_named(term)), False


@admin.register(ServedRecommendation)
class ServedRecommendationAdmin(ListLogAdmin):
    list_display = ["id", "user", "endpoint", "model_version_id", "experiment", "arm", "served_at", "request_id"]
    ordering = ["-served_at"]


@admin.register(ListImpression)
class ListImpressionAdmin(ListLogAdmin):
    list_display = ["id", "user", "recommendation_id", "start", "count", "shown_at", "request_id"]
    ordering = ["-pk"]
    list_id_field = "recommendation_id"


# So that Django's admin finds it.
from events.attribution.admin import (  # noqa: E402
    RecommendationStatisticAdmin as RecommendationStatisticAdmin,  # noqa: PLC0414
)
