"""Feedback as columns, for training: read by binary COPY, a million rows in about a second."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from events.kinds import Kind
from events.weights import AGE_FACTOR_SQL
from movies.db.binary_copy import copy_rows_out, row_type

_BATCH_ROWS = 250_000

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
# One statement, so one snapshot: an event that is recorded meanwhile is in none of its blocks. The index of a person's
# ratings gives them in order where that reads the table in about its own order, as after an import; otherwise
# PostgreSQL sorts.
_EVERYBODY = """
    SELECT * FROM ({ratings} UNION ALL ({events})) AS feedback (user_id, movie_id, kind, value, at) ORDER BY user_id
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

    def columns(self) -> tuple[NDArray[Any], ...]:
        """All columns, in the order of the fields."""
        return self.user_ids, self.movie_ids, self.kinds, self.ratings, self.timestamps

    def between(self, start: int, stop: int) -> Self:
        """The rows from ``start`` to before ``stop``, as views."""
        return type(self)(*(column[start:stop] for column in self.columns()))


def training_data_read(*, user_ids: Collection[int] | None = None) -> FeedbackColumns:
    """Everybody's ratings and other feedback, or that of these people; the result takes 29 bytes a row.

    Two queries: over whole tables, or by the index of each person.
    """
    # COPY takes no parameters.
    numbers = None if user_ids is None else ",".join(str(int(user_id)) for user_id in user_ids)
    people = "true" if numbers is None else f"user_id = ANY('{{{numbers}}}'::bigint[])"
    parts = []
    for query in _queries(people):
        with closing(copy_rows_out(query, _ROW, rows_per_block=_BATCH_ROWS)) as blocks:
            parts += [_columns_of(rows) for rows in blocks]
    return _joined(parts)


def training_data_blocks() -> Generator[FeedbackColumns]:
    """Everybody's ratings and other feedback in blocks of about a quarter of a million rows, by ascending user id.

    Each person's rows are in one block, in any order. One query, of which PostgreSQL sends as much as is read: it is
    under way until the last block has been taken. Close it where reading may stop early: see ``copy_rows_out``.
    """
    ratings, events = _queries("true")
    query = _EVERYBODY.format(ratings=ratings, events=events)
    with closing(copy_rows_out(query, _ROW, rows_per_block=_BATCH_ROWS)) as blocks:
        yield from _whole_people(_columns_of(rows) for rows in blocks)


def _whole_people(blocks: Iterable[FeedbackColumns]) -> Iterator[FeedbackColumns]:
    """The same rows, in order of people, in blocks that divide no person."""
    waiting: list[FeedbackColumns] = []
    for block in blocks:
        # The last person's rows may go on in the next block.
        whole = int(np.searchsorted(block.user_ids, block.user_ids[-1])) if len(block) else 0
        if whole:
            yield _joined([*waiting, block.between(0, whole)])
            waiting = [block.between(whole, len(block))]
        elif waiting and len(block) and waiting[-1].user_ids[-1] != block.user_ids[0]:
            yield _joined(waiting)
            waiting = [block]
        else:
            waiting.append(block)
    if any(len(block) for block in waiting):
        yield _joined(waiting)


def _queries(people: str) -> tuple[str, str]:
    """The ratings, and the other feedback, of the people for whom the condition holds."""
    codes = ", ".join(f"('{kind}', {kind.code})" for kind in Kind if kind is not Kind.RATING)
    return _RATINGS.format(rating=Kind.RATING.code, people=people), _EVENTS.format(codes=codes, people=people)


def _columns_of(rows: NDArray[np.void]) -> FeedbackColumns:
    return FeedbackColumns(*(rows[name].astype(dtype) for name, dtype in _DTYPES.items()))


def _joined(parts: list[FeedbackColumns]) -> FeedbackColumns:
    return FeedbackColumns(
        *(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True))
    )


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
