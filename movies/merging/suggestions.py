"""Movies that may be the same: by their ids in other databases, or by title and year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from movies.models import Movie

MAX_SUGGESTIONS: Final = 100
# Of one reason. A thousand namesakes of one year would be half a million pairs.
_MAX_PAIRS = 1_000
# Titles are compared in upper case without accents, punctuation and a leading article.
_PAIRS = f"""
    WITH living AS MATERIALIZED (
        SELECT id, year, nullif(imdb_id, '') AS imdb_id, tmdb_id,
            nullif(regexp_replace(search_title, '^(THE|AN|A) |[^[:alnum:]]+', '', 'g'), '') AS title
        FROM movies_movie WHERE merged_into_id IS NULL
    ), pair AS (
        (SELECT one.id AS first, other.id AS second, 'the same IMDb id' AS why
        FROM living one JOIN living other ON other.imdb_id = one.imdb_id AND other.id > one.id LIMIT {_MAX_PAIRS})
        UNION ALL
        (SELECT one.id, other.id, 'the same TMDB id'
        FROM living one JOIN living other ON other.tmdb_id = one.tmdb_id AND other.id > one.id LIMIT {_MAX_PAIRS})
        UNION ALL
        (SELECT one.id, other.id, 'the same title, and years at most one apart'
        FROM living one JOIN living other ON other.title = one.title AND other.id > one.id
            AND abs(other.year - one.year) <= 1 LIMIT {_MAX_PAIRS})
    )
    SELECT first, second, array_agg(why ORDER BY why) FROM pair
    GROUP BY first, second ORDER BY count(*) DESC, first, second LIMIT {MAX_SUGGESTIONS}
"""  # noqa: S608 -- no input in it.


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two movies that may be the same, the older entry first, and why."""

    first: Movie
    second: Movie
    reasons: list[str]


def duplicate_suggestions() -> list[Suggestion]:
    """Up to MAX_SUGGESTIONS pairs, those with most reasons first. Reads the catalogue once; two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS)
        rows = cursor.fetchall()
    ids = {movie_id for first, second, _ in rows for movie_id in (first, second)}
    found = Movie.objects.defer("search_document", "overview").in_bulk(ids)
    return [
        Suggestion(found[first], found[second], why) for first, second, why in rows if {first, second} <= found.keys()
    ]
