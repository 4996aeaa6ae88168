"""Who would like a movie, for staff: people whose nightly list ranks it high, or who like its neighbours.

Bounded: candidates are those who liked one of the nearest movies, so that neither all people nor all lists are read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from accounts.models import User
from events.kinds import LIKED_FROM
from movies.models import Movie
from recommendations.discovery.similar import similarities
from recommendations.retrieval import candidates
from recommendations.vectors.neighbours import similar_movies

MAX_PEOPLE = 100
# The nearest movies whose audience is read, the votes read of each, and the people compared.
NEAREST, MAX_VOTES, MAX_CANDIDATES = 12, 500, 1000
_CANDIDATES = """
    WITH votes AS (
        SELECT near.movie_id, vote.user_id, near.similarity
        FROM unnest(%(movies)s::bigint[], %(similarities)s::float8[]) near (movie_id, similarity),
        LATERAL (
            (SELECT user_id FROM events_rating
                WHERE movie_id = near.movie_id AND value >= %(liked)s LIMIT %(votes)s)
            UNION
            (SELECT user_id FROM events_interaction
                WHERE movie_id = near.movie_id AND kind = 'like' AND undone_at IS NULL LIMIT %(votes)s)
        ) vote
    ), candidates AS (
        SELECT user_id, sum(similarity) AS affinity, array_agg(movie_id ORDER BY similarity DESC) AS liked
        FROM votes GROUP BY user_id ORDER BY affinity DESC, user_id LIMIT %(candidates)s
    )
    SELECT person.user_id, person.affinity, person.liked, array_position(own.movie_ids, %(movie)s::int) AS place
    FROM candidates person
    JOIN accounts_user account ON account.id = person.user_id AND account.personalisation AND account.is_active
    LEFT JOIN batch_recommendations own ON own.user_id = person.user_id AND own.version_id = %(version)s
    WHERE NOT EXISTS (SELECT FROM events_rating seen WHERE seen.user_id = person.user_id AND seen.movie_id = %(movie)s)
    AND NOT EXISTS (SELECT FROM events_interaction seen
        WHERE seen.user_id = person.user_id AND seen.movie_id = %(movie)s AND seen.undone_at IS NULL)
    ORDER BY place NULLS LAST, affinity DESC, person.user_id LIMIT %(people)s
"""


@dataclass(frozen=True, slots=True)
class Fan:
    """Somebody who would like a movie.

    place: of the movie in their nightly list, from 1; None where it is not in it. affinity: the summed similarity to
    the movie of what they liked. liked: titles of these, the most similar first.
    """

    user_id: int
    email: str
    place: int | None
    affinity: float
    liked: tuple[str, ...]


def audience_of(*, movie: Movie, limit: int = 20) -> list[Fan] | None:
    """Up to ``limit`` (at most MAX_PEOPLE) people, those with the best places in their nightly lists first.

    Left out are people who have rated or used the movie, and who have paused personalisation. None if the live version
    has no vectors of the movie. Eight queries at most, of NEAREST * MAX_VOTES votes and MAX_CANDIDATES lists at most.
    """
    version_id = candidates.live_model().version_id
    found = None if version_id is None else similar_movies(version_id, movie.pk, NEAREST)
    if found is None:
        return None
    scores = similarities(found)
    best = np.argsort(-scores, kind="stable")[:NEAREST].tolist()
    near = {found.movie_ids[row]: float(scores[row]) for row in best if scores[row] > 0}
    rows = _rows(movie.pk, version_id, near, min(limit, MAX_PEOPLE)) if near else []
    titles = _titles({movie_id for _, _, liked, _ in rows for movie_id in liked})
    emails = dict(User.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "email"))
    return [
        Fan(user_id, emails.get(user_id) or "", place, affinity, tuple(titles[movie_id] for movie_id in liked[:3]))
        for user_id, affinity, liked, place in rows
    ]


def _rows(
    movie_id: int, version_id: int | None, near: Mapping[int, float], limit: int
) -> list[tuple[int, float, list[int], int | None]]:
    """Of each person: the id, the affinity, the ids of the neighbours that they liked, and the place. One query."""
    parameters: dict[str, Any] = {
        "movies": list(near),
        "similarities": list(near.values()),
        "liked": LIKED_FROM,
        "votes": MAX_VOTES,
        "candidates": MAX_CANDIDATES,
        "movie": movie_id,
        "version": version_id,
        "people": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, parameters)
        return list(cursor.fetchall())


def _titles(movie_ids: Collection[int]) -> dict[int, str]:
    return {movie.pk: str(movie) for movie in Movie.objects.filter(pk__in=movie_ids).only("title", "year")}
