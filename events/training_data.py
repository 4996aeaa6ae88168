"""Feedback as columns, for training: read by binary COPY, a million rows in about a second."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from events.kinds import Kind
from events.weights import AGE_FACTOR_SQL
from movies.db.binary_copy import copy_rows_out, row_type

_BATCH_ROWS = 500_000

_RATINGS = """
    SELECT user_id::int8, movie_id::int8, {rating}::int2, value::float4, extract(epoch FROM rated_at)::int8
    FROM events_rating
    WHERE {people}
"""
# Of several events of one kind by one person with one movie, the newest counts.
_EVENTS = """
    SELECT user_id::int8, movie_id::int8, code::int2, 'NaN'::float4, extract(epoch FROM max(occurred_at))::int8
    FROM events_interaction
    JOIN (VALUES {codes}) AS kinds (kind, code) USING (kind)
    WHERE undone_at IS NULL AND {people}
    GROUP BY user_id, movie_id, code
"""
_ROW = row_type(user=">i8", movie=">i8", kind=">i2", value=">f4", time=">i8")
_DTYPES = {"user": np.int64, "movie": np.int64, "kind": np.int8, "value": np.float32, "time": np.int64}


@dataclass(frozen=True, slots=True)
class FeedbackColumns:
    """Rows of feedback in columns of shape (n,): one for each rating and for each other (person, movie, kind)."""

    user_ids: NDArray[np.int64]
    movie_ids: NDArray[np.int64]
    # Values of Kind.code.
    kinds: NDArray[np.int8]
    # NaN where the kind is not a rating.
    ratings: NDArray[np.float32]
    # Unix seconds.
    timestamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_ids)


def training_data_read(*, user_ids: Collection[int] | None = None) -> FeedbackColumns:
    """Everybody's ratings and other feedback, or that of these people; the result takes 29 bytes a row.

    Two queries: over whole tables, or by the index of each person.
    """
    codes = ", ".join(f"('{kind}', {kind.code})" for kind in Kind if kind is not Kind.RATING)
    # COPY takes no parameters.
    numbers = None if user_ids is None else ",".join(str(int(user_id)) for user_id in user_ids)
    people = "true" if numbers is None else f"user_id = ANY('{{{numbers}}}'::bigint[])"
    queries = (
        _RATINGS.format(rating=Kind.RATING.code, people=people),
        _EVENTS.format(codes=codes, people=people),
    )
    batches = [
        {name: rows[name].astype(dtype) for name, dtype in _DTYPES.items()}
        for query in queries
        for rows in copy_rows_out(query, _ROW, rows_per_block=_BATCH_ROWS)
    ]
    return FeedbackColumns(
        user_ids=_column(batches, "user"),
        movie_ids=_column(batches, "movie"),
        kinds=_column(batches, "kind"),
        ratings=_column(batches, "value"),
        timestamps=_column(batches, "time"),
    )


def _column(batches: list[dict[str, NDArray]], name: str) -> NDArray:
    """One column of all batches, removed from them so that no column is in memory twice for long."""
    return np.concatenate([batch.pop(name) for batch in batches])


@dataclass(frozen=True, slots=True)
class MovieVotes:
    """Votes summed by movie: columns of shape (m,), one entry for each movie that has any."""

    movie_ids: NDArray[np.int64]
    # Sums of the votes' weights, and of weight times rating.
    counts: NDArray[np.float64]
    totals: NDArray[np.float64]


# An event counts as the rating its kind stands for; a person who also rated the movie counts by that rating alone.
_VOTES = f"""
    WITH votes AS (
        SELECT movie_id, value, %(rating_half_life)s::float8 AS half_life,
            greatest(extract(epoch FROM %(now)s - rated_at)::float8, 0) AS age
        FROM events_rating
        UNION ALL
        SELECT movie_id, kinds.value, kinds.half_life, greatest(extract(epoch FROM %(now)s - at)::float8, 0) FROM (
            SELECT DISTINCT ON (user_id, movie_id) user_id, movie_id, kind, occurred_at AS at
            FROM events_interaction
            WHERE kind = ANY(%(kinds)s::text[]) AND undone_at IS NULL
            ORDER BY user_id, movie_id, occurred_at DESC, id DESC
        ) AS newest
        JOIN unnest(%(kinds)s::text[], %(values)s::float8[], %(half_lives)s::float8[])
            AS kinds (kind, value, half_life) USING (kind)
        WHERE NOT EXISTS (
            SELECT FROM events_rating
            WHERE events_rating.user_id = newest.user_id AND events_rating.movie_id = newest.movie_id
        )
    ), weighted AS (
        SELECT movie_id, value,
            (%(floor)s + (1 - %(floor)s) * power(2, -age / %(half_life)s)) * ({AGE_FACTOR_SQL}) AS weight
        FROM votes
    )
    SELECT movie_id, sum(weight), sum(weight * value) FROM weighted GROUP BY movie_id ORDER BY movie_id
"""  # noqa: S608 -- no input in it.


def movie_votes_read(
    *,
    now: datetime,
    half_life_days: float,
    floor: float,
    as_ratings: Mapping[str, float],
    half_lives: Mapping[str, float] | None = None,
) -> MovieVotes:
    """Every movie's votes, whose weight decays with age to ``floor``: ratings, and the kinds in ``as_ratings``, each
    at the rating it stands for. Those of a kind in ``half_lives`` (days) decay by that, too.

    Summed in the database: one query over both tables, which returns one row for each movie.
    """
    half_lives = half_lives or {}
    parameters: dict[str, Any] = {
        "now": now,
        "half_life": half_life_days * 86_400,
        "floor": floor,
        "kinds": list(as_ratings),
        "values": list(as_ratings.values()),
        "half_lives": [half_lives.get(kind) for kind in as_ratings],
        "rating_half_life": half_lives.get(Kind.RATING.value),
    }
    with connection.cursor() as cursor:
        cursor.execute(_VOTES, parameters)
        rows = np.array(cursor.fetchall(), np.float64).reshape(-1, 3)
    return MovieVotes(rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2])
