"""What people did, in the admin: events and served lists to read, ratings to correct."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldForeignKeyRawIdWidget

from accounts.staff.log import view_log
from accounts.staff.people_search import people_named
from events.attribution.followed import (
    Followed,
    followed_by_list,
    followed_text,
    source_words,
    sources_text,
    title_in,
    titles_of,
)
from events.list_invalidation import invalidate_user_on_commit
from events.models import Interaction, ListImpression, Rating, ServedRecommendation, Tag
from events.served.list_ids import time_of
from movies.caching.announcing import AnnouncingAdmin
from movies.models import Movie
from movies.text import search_key_typed
from recsys_project.staff_admin import ReadOnlyAdmin
from recsys_project.staff_admin.keyset import KeysetAdmin

MAX_MATCHES = 1_000
# Titles of a list in the table of lists.
TITLES = 5


class NumberWidget(UnfoldForeignKeyRawIdWidget):
    """Shows a person's id alone, for staff who may not view people."""

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        """Empty: the label would be the person's e-mail address."""
        return "", ""


class PersonAdmin(KeysetAdmin):
    """A table of millions of rows about people. Addresses are shown to, and found by, who may view people."""

    list_select_related: Sequence[str] = ["user"]
    readonly_fields: Sequence[str] = ["person"]
    indexed_params: Sequence[str] = ("user", "user_id", "user__id__exact", "movie", "movie_id", "movie__id__exact")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Shows the id alone to who may not view people; a form needs the field itself."""
        whole = self.has_change_permission(request, obj) or self.has_add_permission(request)
        left_out = "person" if whole or request.user.has_perm("accounts.view_user") else "user"
        return [name for name in super().get_fields(request, obj) if name != left_out]

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Who each row is about: a column cannot know who reads it."""
        addresses = request.user.has_perm("accounts.view_user")
        support = request.user.has_perm("accounts.support_user")
        for row in rows:
            text = "guest" if row.user_id is None else str(row.user) if addresses else f"user {row.user_id}"
            page = reverse("admin:accounts_user_support", args=[row.user_id]) if support and row.user_id else ""
            row.shown_person = format_html('<a href="{}">{}</a>', page, text) if page else text

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """That staff open a row about somebody is in their log."""
        row = kwargs.get("obj")
        if request.method == "GET" and row is not None and row.user_id is not None:
            view_log(staff=request.user, user_id=row.user_id, text=f"Opened {self.opts.verbose_name} {row.pk}.")
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="person")
    def person(self, row: Any) -> str:
        return str(row.user_id) if not hasattr(row, "shown_person") else row.shown_person

    def people_in(self, request: HttpRequest, term: str) -> list[int]:
        """The ids of the people named; that staff look for somebody is in their log."""
        people = people_named(term, addresses=request.user.has_perm("accounts.view_user"))
        if request.method == "GET":
            for user_id in people:
                view_log(staff=request.user, user_id=user_id, text=f"Searched {self.opts.verbose_name_plural}.")
        return people


class BigTableAdmin(PersonAdmin):
    """Rows about a person and a movie, newest first by key, with a search that uses indexes."""

    ordering = ["-pk"]
    # Present so that the search box is shown; get_search_results decides what it means.
    search_fields = ["movie__title"]
    search_help_text = "The e-mail address or id of a person, or part of the title of a movie."
    raw_id_fields = ["user"]
    autocomplete_fields = ["movie"]
    list_select_related = ["user", "movie"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With its movie, whose title names the page. One query more."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            prefetch_related_objects([row], "movie")
        return row

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
        people = self.people_in(request, term)
        titled = Movie.objects.filter(search_title__contains=search_key_typed(term)).order_by("pk")
        movies = titled.values_list("pk", flat=True)[:MAX_MATCHES]
        return queryset.filter(Q(user_id__in=people) | Q(movie_id__in=list(movies))), False


@admin.register(Interaction)
class InteractionAdmin(ReadOnlyAdmin, BigTableAdmin):
    list_display = [
        *("id", "person", "kind", "movie", "value", "progress", "source", "occurred_at", "received_at", "undone_at"),
    ]
    list_filter = ["kind"]
    day_field = "received_at"


@admin.register(Rating)
class RatingAdmin(AnnouncingAdmin, BigTableAdmin):
    list_display = ["id", "person", "movie", "value", "rated_at"]

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
    list_display = ["id", "person", "movie", "text", "tagged_at"]


class ListLogAdmin(ReadOnlyAdmin, PersonAdmin):
    """A table of the log of served lists: as BigTableAdmin, for rows of many movies."""

    # Present so that the search box is shown; get_search_results decides what it means.
    search_fields = ["request_id"]
    list_id_field = "pk"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds by what has an index."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        try:
            return self.of_list(queryset, UUID(term)), False
        except ValueError:
            return queryset.filter(self.named(request, term)), False

    def of_list(self, queryset: QuerySet[Any], list_id: UUID) -> QuerySet[Any]:
        return queryset.filter(**{self.list_id_field: list_id})

    def named(self, request: HttpRequest, term: str) -> Q:
        return Q(user_id__in=self.people_in(request, term))


@admin.register(ServedRecommendation)
class ServedRecommendationAdmin(ListLogAdmin):
    """Lists with their movies, why each is there, and what the person did after."""

    list_display = [
        *("served_at", "person", "endpoint", "experiment", "arm", "model_version_id", "films", "sources_counted"),
        "followed",
    ]
    ordering = ["-served_at", "-id"]
    keyset = ("served_at", "id")
    day_field = "served_at"
    indexed_params = (*PersonAdmin.indexed_params, "experiment", "experiment__exact")
    search_help_text = "The e-mail address or id of a person, the id of a list, or the name of an experiment."
    fields = [
        *("id", "served_at", "user", "person", "client_id", "endpoint", "model_version_id", "experiment", "arm"),
        *("request_id", "film_table"),
    ]
    readonly_fields = ["person", "film_table"]

    def of_list(self, queryset: QuerySet[Any], list_id: UUID) -> QuerySet[Any]:
        """Its time is in the id, and names the partition."""
        moment = time_of(list_id)
        found = super().of_list(queryset, list_id)
        if moment is None:
            return found
        around = timedelta(minutes=1)
        return found.filter(served_at__range=(moment - around, moment + around)) if _has_room(moment) else found.none()

    def named(self, request: HttpRequest, term: str) -> Q:
        return super().named(request, term) if "@" in term or term.isdigit() else Q(experiment=term)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Titles in one query, and what followed in two."""
        super().prepare_rows(request, rows)
        titles = titles_of(movie_id for row in rows for movie_id in row.movie_ids[:TITLES])
        followed = followed_by_list(rows)
        for row in rows:
            shown = [title_in(titles, movie_id) for movie_id in row.movie_ids[:TITLES]]
            more = len(row.movie_ids) - len(shown)
            row.shown_films = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
            row.shown_followed = followed_text(followed.get(row.pk, []))

    @admin.display(description="movies")
    def films(self, row: Any) -> str:
        return str(row.shown_films)

    @admin.display(description="sources")
    def sources_counted(self, row: ServedRecommendation) -> str:
        return sources_text(row.sources)

    @admin.display(description="what followed")
    def followed(self, row: Any) -> str:
        return str(row.shown_followed)

    @admin.display(description="movies")
    def film_table(self, row: ServedRecommendation) -> SafeString:
        """Each place with its title, why it is there, and what followed. Three queries."""
        titles, acts = titles_of(row.movie_ids), followed_by_list([row]).get(row.pk, [])
        new = set(row.explored)
        lines = (
            (
                place,
                title_in(titles, movie_id),
                "a place for new movies" if movie_id in new else source_words(_at(row.sources, place)),
                f"{_at(row.scores, place) or 0:.3f}",
                "; ".join(_acts(acts, place)) or "-",
            )
            for place, movie_id in enumerate(row.movie_ids, start=1)
        )
        names = ("place", "movie", "why it is there", "score", "what followed")
        head = format_html_join("", "<th>{}</th>", ((name,) for name in names))
        cells = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
        return format_html("<table><tr>{}</tr>{}</table>", head, cells)


def _at(values: Sequence[Any], place: int) -> Any:
    """The value of a place; lists of older releases have no sources."""
    return values[place - 1] if place <= len(values) else None


def _acts(acts: Sequence[Followed], place: int) -> list[str]:
    return [one.text for one in acts if one.position == place]


def _has_room(moment: datetime) -> bool:
    """Whether Python knows the minutes around the moment: any time may be in an id that somebody types."""
    return 1900 < moment.year < 9000


@admin.register(ListImpression)
class ListImpressionAdmin(ListLogAdmin):
    list_display = ["id", "shown_at", "person", "recommendation_id", "start", "count", "request_id"]
    ordering = ["-pk"]
    day_field = "shown_at"
    search_help_text = "The e-mail address or id of a person, or the id of a list."
    list_id_field = "recommendation_id"

    def last_of_day(self, rows: QuerySet[Any], start: datetime, end: datetime) -> QuerySet[Any]:
        """Of that day alone: the index of times is of blocks, and cannot be read backwards."""
        return super().last_of_day(rows.filter(shown_at__gte=start), start, end)


# So that Django's admin finds it.
from events.attribution.admin import (  # noqa: E402
    RecommendationStatisticAdmin as RecommendationStatisticAdmin,  # noqa: PLC0414
)
