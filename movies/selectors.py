"""Reads of the catalogue. Only published movies leave here."""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Prefetch, QuerySet

from movies.models import Credit, Movie

# Every list asks this; putting it together as a queryset took longer than PostgreSQL takes to answer.
_CARDS = """
    SELECT m.id, m.title, m.year, m.poster_url, g.names, g.slugs
    FROM movies_movie m,
    LATERAL (
        SELECT coalesce(array_agg(genre.name ORDER BY genre.name), '{}') AS names,
            coalesce(array_agg(genre.slug ORDER BY genre.name), '{}') AS slugs
        FROM movies_movie_genres of_movie JOIN movies_genre genre ON genre.id = of_movie.genre_id
        WHERE of_movie.movie_id = m.id
    ) g
    WHERE m.id = ANY(%(ids)s::bigint[]) AND m.status = %(published)s
"""


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
    with connection.cursor() as cursor:
        cursor.execute(_CARDS, {"ids": [int(i) for i in movie_ids], "published": str(Movie.Status.PUBLISHED)})
        return {
            movie_id: {
                "id": movie_id,
                "title": title,
                "year": year,
                "genres": [{"name": name, "slug": slug} for name, slug in zip(names, slugs, strict=True)],
                "poster_url": poster_url,
            }
            for movie_id, title, year, poster_url, names, slugs in cursor
        }
