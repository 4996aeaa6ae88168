"""Loads ratings into PostgreSQL by binary COPY."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from events.imports.user_ids import UserIdResolver
from events.models import FUTURE_TOLERANCE
from movies.db.binary_copy import copy_rows_in, pack_rows, row_type, timestamps_from_unix
from movies.movielens.rating_lines import Ints

_COLUMNS = "user_id, movie_id, value, rated_at"
_ROW = row_type(user=">i8", movie=">i8", value=">f8", time=">i8")

# Writes only rows that differ: unchanged rows are not even locked. A stored rating with a future timestamp (see
# events.services) is always replaced.
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
    """The numbers of new, changed and unchanged ratings."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def total(self) -> int:
        return self.new + self.changed + self.unchanged


class RatingLoader:
    """Stores frames of ratings inside the caller's transaction.

    Users created by this import have no ratings yet, so theirs are copied directly into the table. Ratings of existing
    users go through a temporary table and are merged: the newer rating wins.
    """

    def __init__(self, resolver: UserIdResolver, movie_ids: Mapping[int, int]) -> None:
        self.counts = RatingCounts()
        self._resolver = resolver
        numbers = np.fromiter(movie_ids.keys(), np.int64, len(movie_ids))
        order = np.argsort(numbers)
        self._numbers = numbers[order]
        self._ids = np.fromiter(movie_ids.values(), np.int64, len(movie_ids))[order]
        # Of merged movies, whose ratings by one person may meet.
        self._merged = len(np.unique(self._ids)) < len(self._ids)

    def load(self, frame: pl.DataFrame) -> None:
        """Stores a frame of user, movie, rating and timestamp (Unix seconds); all movies must be in ``movie_ids``."""
        if self._merged:
            frame = self._newest(frame)
        users, created = self._resolver.resolve(frame["user"].to_numpy())
        if self._merged:
            # Another block may have rated the same movie under its other id.
            created = np.zeros_like(created)
        rows = pack_rows(
            _ROW,
            user=users,
            movie=self._ids[np.searchsorted(self._numbers, frame["movie"].to_numpy())],
            value=frame["rating"].to_numpy(),
            time=timestamps_from_unix(frame["timestamp"].to_numpy()),
        )
        if created.all():
            self._copy(rows)
            return
        self._merge(rows[~created], users[~created])
        if created.any():
            self._copy(rows[created])

    def _newest(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Of ratings of one movie under several ids by one person the newest."""
        movies = pl.Series("found", self._ids[np.searchsorted(self._numbers, frame["movie"].to_numpy())])
        newest = frame.with_columns(movies).sort("timestamp", descending=True, maintain_order=True)
        return newest.unique(["user", "found"], keep="first", maintain_order=True).drop("found")

    def _copy(self, rows: NDArray[np.void]) -> None:
        copy_rows_in("events_rating", _COLUMNS, rows)
        self.counts.new += len(rows)

    def _merge(self, rows: NDArray[np.void], users: Ints) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE IF NOT EXISTS import_rating ON COMMIT DROP AS"
                " SELECT user_id, movie_id, value, rated_at FROM events_rating WITH NO DATA"
            )
            cursor.execute("TRUNCATE import_rating")
            copy_rows_in("import_rating", _COLUMNS, rows)
            cursor.execute("ANALYZE import_rating")
            future = timezone.now() + FUTURE_TOLERANCE
            cursor.execute(_MERGE, [int(users.min()), int(users.max()), future, future])
            new, changed = cursor.fetchone()
        self.counts.new += new
        self.counts.changed += changed
        self.counts.unchanged += len(rows) - new - changed
