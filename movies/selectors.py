"""Reads the catalogue. All functions return published movies only."""

import sys
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Count, Prefetch, Q, QuerySet

from movies.models import Credit, Genre, Movie

Card = dict[str, Any]

# Optional parts of a card, which clients request with ``expand``.
EXPANSIONS = ("overview", "people")
# Directors first, then the cast, each in billing order.
_BILLING = ("-role", "position", "id")
# Raw SQL, because every list runs it: building the queryset took longer than the query.
_CARDS = """
    SELECT m.id, m.title, m.year, m.runtime_minutes, m.language, m.imdb_id, m.tmdb_id, m.poster_url, g.names, g.slugs
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
    """Published movies by title, year and id: a total order, so that pages never overlap."""
    published = Movie.objects.filter(status=Movie.Status.PUBLISHED)
    return published.defer("search_document").order_by("title", "year", "id")


def movies_with_details() -> QuerySet[Movie]:
    """Published movies with genres, certificates, and credits, directors first, in billing order (four queries)."""
    credits = Credit.objects.select_related("person").order_by(*_BILLING)
    return movies_published().prefetch_related("genres", "certificates", Prefetch("credits", queryset=credits))


def movie_cards(movie_ids: Iterable[int]) -> dict[int, Card]:
    """The cards of these movies, by id; movies that are unpublished or do not exist are missing. One query.

    A card is ``{"id", "title", "year", "runtime_minutes", "language", "imdb_id", "tmdb_id", "poster_url", "genres":
    [{"name", "slug"}]}``; an unknown number is None, an unknown text empty. Cards share their genre objects: do not
    modify them.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CARDS, {"ids": [int(i) for i in movie_ids], "published": str(Movie.Status.PUBLISHED)})
        return {
            movie_id: {
                "id": movie_id,
                "title": title,
                "year": year,
                "runtime_minutes": runtime,
                "language": sys.intern(language),
                "imdb_id": imdb_id,
                "tmdb_id": tmdb_id,
                "poster_url": poster_url,
                "genres": [_genre(name, slug) for name, slug in zip(names, slugs, strict=True)],
            }
            for movie_id, title, year, runtime, language, imdb_id, tmdb_id, poster_url, names, slugs in cursor
        }


def title_card(movie_id: int, title: str, expand: Collection[str] = ()) -> Card:
    """The card of an unpublished movie, for users with an event about it: its title only, other fields are empty."""
    unknown: Card = {"year": None, "runtime_minutes": None, "language": "", "imdb_id": "", "tmdb_id": None}
    expanded = {name: empty for name, empty in {"overview": "", "people": []}.items() if name in expand}
    return {"id": movie_id, "title": title, **unknown, "poster_url": "", "genres": [], **expanded}


def movie_expansions(movie_ids: Iterable[int], expand: Collection[str]) -> dict[int, Card]:
    """The fields that ``expand`` (of EXPANSIONS) adds to the cards of these movies, by movie id.

    ``overview`` is text; ``people`` are ``[{"id", "name", "role"}]``, directors first, then in billing order. Movies
    that are unpublished or do not exist are missing. One query, two with people.
    """
    published = Movie.objects.filter(pk__any_of=movie_ids, status=Movie.Status.PUBLISHED).order_by()
    if "overview" in expand:
        found: dict[int, Card] = {pk: {"overview": text} for pk, text in published.values_list("pk", "overview")}
    else:
        found = {pk: {} for pk in published.values_list("pk", flat=True)}
    if "people" in expand:
        for of_movie in found.values():
            of_movie["people"] = []
        credits = Credit.objects.filter(movie_id__any_of=found).order_by("movie_id", *_BILLING)
        for movie_id, person_id, name, role in credits.values_list("movie_id", "person_id", "person__name", "role"):
            found[movie_id]["people"].append({"id": person_id, "name": name, "role": role})
    return found


def items_expanded(items: Sequence[dict[str, Any]], expand: Collection[str]) -> list[dict[str, Any]]:
    """Copies of list items (``{"movie": card, …}``) whose cards have the fields that ``expand`` adds.

    Items whose movie is no longer published are omitted. The given items and cards are not modified. No query without
    ``expand``, else as many as ``movie_expansions``.
    """
    if not expand or not items:
        return list(items)
    added = movie_expansions([item["movie"]["id"] for item in items], expand)
    return [
        {**item, "movie": item["movie"] | added[item["movie"]["id"]]} for item in items if item["movie"]["id"] in added
    ]


def cards_listed(movie_ids: Sequence[int], expand: Collection[str]) -> list[Card]:
    """The cards of these movies, in this order, with the fields that ``expand`` adds; unpublished ones are omitted."""
    cards = movie_cards(movie_ids)
    items = [{"movie": cards[movie_id]} for movie_id in movie_ids if movie_id in cards]
    return [item["movie"] for item in items_expanded(items, expand)]


def genre_counts() -> list[dict[str, Any]]:
    """All genres by name, with the number of published movies: ``{"slug", "name", "movie_count"}``. One query."""
    published = Count("movies", filter=Q(movies__status=Movie.Status.PUBLISHED))
    genres = Genre.objects.order_by("name").annotate(movie_count=published)
    names = ("slug", "name", "movie_count")
    return [dict(zip(names, row, strict=True)) for row in genres.values_list(*names)]


@lru_cache(maxsize=500)
def _genre(name: str, slug: str) -> dict[str, str]:
    """A genre's object, shared by all cards: processes cache thousands of cards with the same few genres."""
    return {"name": name, "slug": slug}
