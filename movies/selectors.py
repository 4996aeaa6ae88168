"""Reads of the catalogue. Only published movies leave here."""

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.aggregates import JSONBAgg
from django.db.models import F, JSONField, Prefetch, Q, QuerySet, Value
from django.db.models.functions import JSONObject

from movies import lookups  # noqa: F401 -- registers any_of.
from movies.models import Credit, Movie


def movies_published() -> QuerySet[Movie]:
    """Published movies by title, year and id (a total order, so that pages never overlap), genres prefetched."""
    published = Movie.objects.filter(status=Movie.Status.PUBLISHED)
    return published.defer("search_document").prefetch_related("genres").order_by("title", "year", "id")


def movies_with_details() -> QuerySet[Movie]:
    """Published movies with their genres and, in billing order, their credits (three queries)."""
    credits = Credit.objects.select_related("person").order_by("role", "position", "id")
    return movies_published().prefetch_related(Prefetch("credits", queryset=credits))


def movie_cards(movie_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What a list shows of each of these movies, by id; those that are not published or do not exist are missing.

    A card is ``{"id", "title", "year", "genres": [{"name", "slug"}], "poster_url"}``. One query.
    """
    genres = JSONBAgg(
        JSONObject(name="genres__name", slug="genres__slug"),
        filter=Q(genres__isnull=False),
        order_by="genres__name",
        default=Value([], JSONField()),
    )
    rows = (
        Movie.objects.filter(pk__any_of=movie_ids, status=Movie.Status.PUBLISHED)
        .order_by()
        .values("id", "title", "year", "poster_url")
        .annotate(movie_genres=genres)
        .values("id", "title", "year", "poster_url", genre_list=F("movie_genres"))
    )
    return {
        row["id"]: {
            "id": row["id"],
            "title": row["title"],
            "year": row["year"],
            "genres": row["genre_list"],
            "poster_url": row["poster_url"],
        }
        for row in rows
    }
