"""Reads of the catalogue. Only published movies leave here."""

import sys
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Count, Prefetch, Q, QuerySet

from movies.models import Credit, Genre, Movie

Card = dict[str, Any]

# What a card may hold beside what it always holds, where a client asks for it.
EXPANSIONS = ("overview", "people")
# Directors first, then the cast, each in billing order.
_BILLING = ("-role", "position", "id")
# Every list asks this; putting it together as a queryset took longer than PostgreSQL takes to answer.
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
    """Published movies with their genres and their credits, directors first, in billing order (three queries)."""
    credits = Credit.objects.select_related("person").order_by(*_BILLING)
    return movies_published().prefetch_related("genres", Prefetch("credits", queryset=credits))


def movie_cards(movie_ids: Iterable[int]) -> dict[int, Card]:
    """What a list shows of each of these movies, by id; those that are not published or do not exist are missing.

    A card is ``{"id", "title", "year", "runtime_minutes", "language", "imdb_id", "tmdb_id", "poster_url", "genres":
    [{"name", "slug"}]}``; a number that is not known is None, a text empty. Genres are shared between cards: never
    change one. One query.
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
    """The card of a movie that is not published, for whoever had to do with it: its title, and nothing else of it."""
    unknown: Card = {"year": None, "runtime_minutes": None, "language": "", "imdb_id": "", "tmdb_id": None}
    expanded = {name: empty for name, empty in {"overview": "", "people": []}.items() if name in expand}
    return {"id": movie_id, "title": title, **unknown, "poster_url": "", "genres": [], **expanded}


def movie_expansions(movie_ids: Iterable[int], expand: Collection[str]) -> dict[int, Card]:
    """What ``expand`` (of EXPANSIONS) adds to the card of each of these movies, by id; those that are not published or
    do not exist are missing.

    ``overview`` is text; ``people`` are ``[{"id", "name", "role"}]``, directors first, each in billing order. One
    query, two with people, however many movies.
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
    """The items of a list (``{"movie": card, …}``) with what ``expand`` adds to their cards, read now.

    An item whose movie is not published any more is left out. The given items and cards stay as they are. No query
    without ``expand``, else as ``movie_expansions``.
    """
    if not expand or not items:
        return list(items)
    added = movie_expansions([item["movie"]["id"] for item in items], expand)
    return [
        {**item, "movie": item["movie"] | added[item["movie"]["id"]]} for item in items if item["movie"]["id"] in added
    ]


def cards_listed(movie_ids: Sequence[int], expand: Collection[str]) -> list[Card]:
    """The cards of these movies in this order with what ``expand`` adds; those that are not published are left out."""
    cards = movie_cards(movie_ids)
    items = [{"movie": cards[movie_id]} for movie_id in movie_ids if movie_id in cards]
    return [item["movie"] for item in items_expanded(items, expand)]


def genre_counts() -> list[dict[str, Any]]:
    """All genres by name with how many published movies are of each: ``{"slug", "name", "movie_count"}``. One query."""
    published = Count("movies", filter=Q(movies__status=Movie.Status.PUBLISHED))
    genres = Genre.objects.order_by("name").annotate(movie_count=published)
    names = ("slug", "name", "movie_count")
    return [dict(zip(names, row, strict=True)) for row in genres.values_list(*names)]


@lru_cache(maxsize=500)
def _genre(name: str, slug: str) -> dict[str, str]:
    """One object for all cards: processes remember thousands of those, which name the same few genres."""
    return {"name": name, "slug": slug}
