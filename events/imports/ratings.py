"""Ratings into PostgreSQL by COPY."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from django.db import connection
from django.utils import timezone

from events.imports.user_ids import People
from events.models import FUTURE_TOLERANCE
from movies.movielens.rating_lines import Ints

# PostgreSQL counts microseconds from 2000-01-01.
_POSTGRES_EPOCH = 946_684_800
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
# One row of COPY's binary format: the number of fields, then each field behind its length.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        *[("user_length", ">i4"), ("user", ">i8"), ("movie_length", ">i4"), ("movie", ">i8")],
        *[("value_length", ">i4"), ("value", ">f8"), ("time_length", ">i4"), ("time", ">i8")],
    ]
)
# Bytes handed to the driver at a time.
_PIECE = 1 << 18
_COLUMNS = "(user_id, movie_id, value, rated_at) FROM STDIN (FORMAT binary)"

# Compared first and written after: a row that is right already is not touched at all, not even locked. A stored rating
# of the future (see events.services) is newer than nothing.
_MERGE = """
    WITH written AS (
        INSERT INTO events_rating (user_id, movie_id, value, rated_at)
        SELECT new.user_id, new.movie_id, new.value, new.rated_at
        FROM import_rating new
        LEFT JOIN events_rating old
            ON old.user_id = new.user_id AND old.movie_id = new.movie_id AND old.user_id BETWEEN %s AND %s
        WHERE old.id IS NULL OR new.rated_at > old.rated_at OR old.rated_at > %s
            OR (new.rated_at = old.rated_at AND new.value <> old.value)
        ON CONFLICT (user_id, movie_id) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
            WHERE excluded.rated_at >= events_rating.rated_at OR events_rating.rated_at > %s
        RETURNING (xmax = 0) AS inserted
    )
    SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written
"""


@dataclass
class RatingCounts:
    """How the rows of a file ended."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def total(self) -> int:
        return self.new + self.changed + self.unchanged


class RatingLoader:
    """Takes frames of ratings and stores them, inside the caller's transaction.

    People made by this import can have no ratings yet, so theirs go straight into the table. Those of people known
    before go through a temporary table and are merged: the newer rating stays.
    """

    def __init__(self, people: People, movie_ids: Mapping[int, int]) -> None:
        self.counts = RatingCounts()
        self._people = people
        numbers = np.fromiter(movie_ids.keys(), np.int64, len(movie_ids))
        order = np.argsort(numbers)
        self._numbers = numbers[order]
        self._ids = np.fromiter(movie_ids.values(), np.int64, len(movie_ids))[order]

    def load(self, frame: pl.DataFrame) -> None:
        """Stores a frame of user, movie, rating and timestamp; every movie must be one of ``movie_ids``."""
        users, fresh = self._people.resolve(frame["user"].to_numpy())
        rows = _encode(
            users,
            self._ids[np.searchsorted(self._numbers, frame["movie"].to_numpy())],
            frame["rating"].to_numpy(),
            frame["timestamp"].to_numpy(),
        )
        if fresh.all():
            self._copy(rows)
            return
        self._merge(rows[~fresh], users[~fresh])
        if fresh.any():
            self._copy(rows[fresh])

    def _copy(self, rows: np.ndarray[Any, Any]) -> None:
        with connection.cursor() as cursor:
            _copy_rows(cursor, "events_rating", rows)
        self.counts.new += len(rows)

    def _merge(self, rows: np.ndarray[Any, Any], users: Ints) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE IF NOT EXISTS import_rating ON COMMIT DROP AS"
                " SELECT user_id, movie_id, value, rated_at FROM events_rating WITH NO DATA"
            )
            cursor.execute("TRUNCATE import_rating")
            _copy_rows(cursor, "import_rating", rows)
            cursor.execute("ANALYZE import_rating")
            future = timezone.now() + FUTURE_TOLERANCE
            cursor.execute(_MERGE, [int(users.min()), int(users.max()), future, future])
            new, changed = cursor.fetchone()
        self.counts.new += new
        self.counts.changed += changed
        self.counts.unchanged += len(rows) - new - changed


def _encode(users: Ints, movies: Ints, values: Any, times: Ints) -> np.ndarray[Any, Any]:
    """Rows in COPY's binary format, which costs the server no parsing."""
    rows = np.empty(len(users), _ROW)
    rows["fields"] = 4
    for name in ("user_length", "movie_length", "value_length", "time_length"):
        rows[name] = 8
    rows["user"], rows["movie"], rows["value"] = users, movies, values
    rows["time"] = (times - _POSTGRES_EPOCH) * 1_000_000
    return rows


def _copy_rows(cursor: Any, table: str, rows: np.ndarray[Any, Any]) -> None:
    data = memoryview(np.ascontiguousarray(rows).view(np.uint8).data)
    with cursor.copy(f"COPY {table} {_COLUMNS}") as copy:
        copy.write(_HEADER)
        for start in range(0, len(data), _PIECE):
            copy.write(data[start : start + _PIECE])
        copy.write(_TRAILER)
