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

from events.models import FUTURE_TOLERANCE
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
_NEW = """
    id bigint, user_id bigint, movie_id bigint, kind text, value double precision, occurred_at timestamptz,
    undo boolean, undone_at timestamptz
"""
# In the file's order, since of two events at one time the one with the larger id is the newer.
_INSERT = """
    WITH inserted AS (
        INSERT INTO events_interaction (event_id, user_id, movie_id, kind, value, progress, occurred_at, received_at,
                                        recommendation_id, source, undo, undone_at)
        SELECT event_id, user_id, movie_id, kind, value, progress, least(occurred_at, %(now)s), %(now)s,
               recommendation_id, source, undo,
               CASE WHEN undone_at IS NOT NULL THEN least(undone_at, %(now)s) END  -- least() skips nulls.
        FROM import_event ORDER BY row
        ON CONFLICT (user_id, event_id) DO NOTHING
        RETURNING id, user_id, movie_id, kind, value, occurred_at, undo, undone_at
    )
    INSERT INTO import_event_new SELECT * FROM inserted
"""
# As events.services._rating_upsert does for one.
_RATE = """
    INSERT INTO events_rating (user_id, movie_id, value, rated_at)
    SELECT DISTINCT ON (user_id, movie_id) user_id, movie_id, value, occurred_at
    FROM import_event_new
    WHERE kind = 'rating' AND undone_at IS NULL
    ORDER BY user_id, movie_id, occurred_at DESC, id DESC
    ON CONFLICT (user_id, movie_id) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
        WHERE excluded.rated_at >= events_rating.rated_at OR events_rating.rated_at > %(future)s
"""
# A rating without an event (of a data set, or by staff) whose place an event takes is stored as an event of the source
# "before", so that undoing the event can bring it back. Received when it was rated: no sweep need read it.
_KEEP = """
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, value, occurred_at, received_at, source)
    SELECT gen_random_uuid(), rating.user_id, rating.movie_id, 'rating', rating.value, kept_at, kept_at, 'before'
    FROM events_rating rating
    JOIN (
        SELECT user_id, movie_id, max(occurred_at) AS occurred_at FROM import_event_new
        WHERE kind = 'rating' AND undone_at IS NULL GROUP BY user_id, movie_id
    ) AS newest USING (user_id, movie_id)
    CROSS JOIN LATERAL (SELECT least(rating.rated_at, %(now)s::timestamptz) AS kept_at) AS moment
    WHERE newest.occurred_at >= kept_at AND NOT EXISTS (
        SELECT FROM events_interaction event
        WHERE event.user_id = rating.user_id AND event.occurred_at = rating.rated_at
            AND event.movie_id = rating.movie_id AND event.kind = 'rating' AND event.value = rating.value
            AND event.undone_at IS NULL
    )
"""
_ANY_UNDO = "SELECT EXISTS (SELECT FROM events_interaction WHERE undo)"
# To people, a watch and a part that was watched are one kind.
_SAME = """
    undo.user_id = event.user_id AND undo.movie_id = event.movie_id
    AND undo.kind = CASE event.kind WHEN 'partial' THEN 'watch' ELSE event.kind END
"""
# What an undo of the block takes back.
_UNDO = f"""
    UPDATE events_interaction event SET undone_at = undo.undone_at FROM import_event_new undo
    WHERE undo.undo AND {_SAME} AND (event.occurred_at, event.id) < (undo.occurred_at, undo.id)
        AND event.undone_at IS NULL
"""  # noqa: S608 -- no input in it.
# An event that is older than a stored undo comes late: it is taken back already.
_LATE = f"""
    UPDATE events_interaction event SET undone_at = %(now)s FROM import_event_new new
    WHERE event.id = new.id AND event.undone_at IS NULL AND EXISTS (
        SELECT FROM events_interaction undo WHERE undo.undo AND {_SAME} AND undo.occurred_at > event.occurred_at
    )
"""  # noqa: S608 -- no input in it.
_MARK_UNDONE = """
    UPDATE import_event_new new SET undone_at = event.undone_at FROM events_interaction event
    WHERE event.id = new.id AND event.undone_at IS NOT NULL
"""
# The rating that an undo took back gives way to the newest that stands.
_RESTORE = """
    WITH pair AS (SELECT DISTINCT user_id, movie_id FROM import_event_new WHERE undo AND kind = 'rating'),
    newest AS (
        SELECT DISTINCT ON (user_id, movie_id) user_id, movie_id, value, occurred_at
        FROM pair JOIN events_interaction USING (user_id, movie_id)
        WHERE kind = 'rating' AND undone_at IS NULL
        ORDER BY user_id, movie_id, occurred_at DESC, id DESC
    ), taken AS (
        SELECT DISTINCT rating.id, rating.user_id, rating.movie_id
        FROM pair JOIN events_rating rating USING (user_id, movie_id) JOIN events_interaction event
            ON event.user_id = rating.user_id AND event.movie_id = rating.movie_id AND event.kind = 'rating'
            AND event.undone_at IS NOT NULL AND NOT event.undo AND event.value = rating.value
            AND event.occurred_at = rating.rated_at
    ), gone AS (
        DELETE FROM events_rating WHERE id IN (
            SELECT id FROM taken WHERE (user_id, movie_id) NOT IN (SELECT user_id, movie_id FROM newest)
        )
    )
    UPDATE events_rating rating SET value = newest.value, rated_at = newest.occurred_at
    FROM taken JOIN newest USING (user_id, movie_id) WHERE rating.id = taken.id
"""
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
    """Undoes what the new events undo, and brings the people's ratings up to date."""
    parameters = {"now": now, "future": now + FUTURE_TOLERANCE}
    has_undo = bool(frame["undo"].any())
    with connection.cursor() as cursor:
        cursor.execute(_ANY_UNDO)
        if cursor.fetchone()[0]:
            cursor.execute("ANALYZE import_event_new")
            if has_undo:
                cursor.execute(_UNDO)
            cursor.execute(_LATE, parameters)
            cursor.execute(_MARK_UNDONE)
        if (frame["kind"] == "rating").any():
            cursor.execute(_KEEP, parameters)
            cursor.execute(_RATE, parameters)
            if has_undo:
                cursor.execute(_RESTORE)


def _conflicts_within(frame: pl.DataFrame, first: pl.DataFrame) -> list[int]:
    """Rows that repeat the event id of an earlier row of the block with other content."""
    if first.height == frame.height:
        return []
    content = ("movie", "kind", "value", "progress", "occurred_at", "recommendation_id", "undo")
    joined = frame.join(first, on=["user", "event_id"], how="left", suffix="_first", maintain_order="left")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_first")) for name in content)
    return joined.filter(differs)["row"].to_list()
