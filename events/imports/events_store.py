"""Stores blocks of imported events: COPY into a temporary table, then one INSERT that leaves out what is stored."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from django.db import connection
from django.utils import timezone

from events.kinds import Kind
from events.rating_ledger import RatingChange, ratings_keep, ratings_update
from events.taking_back import COMES_LATE, events_take_back
from movies.db.binary_copy import staging_table

# The namespace of the ids of events that came without one.
_NAMESPACE: Final = uuid.UUID("5f0c2f8e-6f0b-5c0e-9d55-0f1f9f4c7a11").bytes
_COLUMNS = (
    "row, user_id, movie_id, kind, value, progress, occurred_at, event_id, recommendation_id, source, undo, undone_at"
)
_STAGED = """
    row integer, user_id bigint, movie_id bigint, kind text, value double precision, progress real,
    occurred_at timestamptz, event_id uuid, recommendation_id uuid, source text, undo boolean, undone_at timestamptz
"""
# In the file's order, since of two events at one time the one with the larger id is the newer.
_INSERT = f"""
    WITH inserted AS (
        INSERT INTO events_interaction (event_id, user_id, movie_id, kind, value, progress, occurred_at, received_at,
                                        recommendation_id, source, undo, undone_at)
        SELECT event_id, user_id, movie_id, kind, value, progress, least(occurred_at, %(now)s), %(now)s,
               recommendation_id, source, undo,
               CASE WHEN undone_at IS NOT NULL THEN least(undone_at, %(now)s)  -- least() skips nulls.
                    WHEN {COMES_LATE} THEN %(now)s::timestamptz END
        FROM import_event given ORDER BY row
        ON CONFLICT (user_id, event_id) DO NOTHING
        RETURNING id, user_id, movie_id, kind, value, occurred_at, undo, undone_at
    )
    INSERT INTO import_event_new SELECT * FROM inserted
"""  # noqa: S608 -- no input in it.
_NEW = """
    id bigint, user_id bigint, movie_id bigint, kind text, value double precision, occurred_at timestamptz,
    undo boolean, undone_at timestamptz
"""
_CHANGES = """
    SELECT user_id, movie_id, value, occurred_at, undo, undone_at IS NOT NULL AND NOT undo
    FROM import_event_new WHERE kind = 'rating' ORDER BY id
"""
_UNDOS = "SELECT id FROM import_event_new WHERE undo"
_CONFLICTS = """
    SELECT new.row FROM import_event new JOIN events_interaction old USING (user_id, event_id)
    WHERE (new.movie_id, new.kind, new.value, new.progress, new.recommendation_id, new.undo)
        IS DISTINCT FROM (old.movie_id, old.kind, old.value, old.progress, old.recommendation_id, old.undo)
        OR least(new.occurred_at, old.received_at) <> old.occurred_at
"""


@dataclass(frozen=True)
class Stored:
    """How many events of a block are new and how many were known; ``conflicts`` are rows whose id has other content."""

    new: int
    known: int
    conflicts: list[int]


def with_event_ids(frame: pl.DataFrame) -> pl.DataFrame:
    """Gives rows without ``event_id`` one that follows from their content, as uuid5 does; in hex without dashes.

    The id holds our ids of the person and the movie, so that the same line under another name is the same event.
    """
    missing = pl.col("event_id").is_null()
    names = ("source", "user", "movie", "kind", "value", "progress", "occurred_at", "undo")
    texts = frame.filter(missing).select(
        pl.concat_str(*(pl.col(name).cast(pl.String).fill_null("") for name in names), separator="\t")
    )
    if texts.is_empty():
        return frame
    made = pl.Series("made", [_uuid5(text) for text in texts.to_series()], pl.String)
    rows = frame.filter(missing).select("row").with_columns(made)
    return (
        frame.join(rows, on="row", how="left", maintain_order="left")
        .with_columns(pl.coalesce("event_id", "made").alias("event_id"))
        .drop("made")
    )


def _uuid5(text: str) -> str:
    digest = bytearray(hashlib.sha1(_NAMESPACE + text.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return digest.hex()


def prefer_indexes() -> None:
    """Joins a block with large tables by their indexes until the transaction ends.

    PostgreSQL would read the whole table for each block, which it takes for cheaper up to some million rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")


def events_store(frame: pl.DataFrame) -> Stored:
    """Stores events inside the caller's transaction, with their ratings and what they undo.

    frame: columns row, user, movie and those of ``events_checks``; every row has an ``event_id``. Ratings of people who
    rated the movie later stay. The caller has locked the people and the movies.
    """
    first = frame.unique(["user", "event_id"], keep="first", maintain_order=True)
    now = timezone.now()
    with staging_table("import_event", _STAGED), staging_table("import_event_new", _NEW):
        _copy(first)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, {"now": now})
            new = cursor.rowcount
            if new:
                _follow(frame, now)
            conflicts: list[int] = []
            if new < first.height:
                cursor.execute(_CONFLICTS)
                conflicts = [row for (row,) in cursor.fetchall()]
    conflicts += _conflicts_within(frame, first)
    return Stored(new, frame.height - new - len(conflicts), conflicts)


def _copy(frame: pl.DataFrame) -> None:
    """Copies the rows into the temporary table. Texts are quoted, so that no text is taken for null."""
    moments = [
        pl.from_epoch(name, "us").dt.replace_time_zone("UTC").alias(name) for name in ("occurred_at", "undone_at")
    ]
    rows = frame.with_columns(moments).select("row", "user", "movie", *(name for name in _COLUMNS.split(", ")[3:]))
    data = rows.write_csv(
        include_header=False,
        null_value=r"\N",
        quote_style="non_numeric",
        datetime_format="%Y-%m-%d %H:%M:%S%.6f+00",
    ).encode()
    with (
        connection.cursor() as cursor,
        cursor.copy(rf"COPY import_event ({_COLUMNS}) FROM STDIN (FORMAT csv, NULL '\N')") as copy,
    ):
        copy.write(data)


def _follow(frame: pl.DataFrame, now: datetime) -> None:
    """Undoes what the new events undo, and brings the people's ratings up to date, as events.recording does."""
    changes: list[RatingChange] = []
    undos: list[int] = []
    with connection.cursor() as cursor:
        if (frame["kind"] == Kind.RATING.value).any():
            cursor.execute(_CHANGES)
            changes = [RatingChange(*row) for row in cursor.fetchall()]
        if frame["undo"].any():
            cursor.execute(_UNDOS)
            undos = [pk for (pk,) in cursor.fetchall()]
    ratings_keep(changes, at=now)
    if undos:
        events_take_back(undo_ids=undos, at=now)
    ratings_update(changes, at=now)


def _conflicts_within(frame: pl.DataFrame, first: pl.DataFrame) -> list[int]:
    """Rows that repeat the event id of an earlier row of the block with other content."""
    if first.height == frame.height:
        return []
    content = ("movie", "kind", "value", "progress", "occurred_at", "recommendation_id", "undo")
    joined = frame.join(first, on=["user", "event_id"], how="left", suffix="_first", maintain_order="left")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_first")) for name in content)
    return joined.filter(differs)["row"].to_list()
