"""Keeps each person's rating of a movie equal to the newest of their rating events that stands.

A rating that came without an event, by an import or from staff, is stored as an event of the source "before" when an
event first takes its place, so that taking the event back brings it back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from events.models import FUTURE_TOLERANCE
from events.new_events import BEFORE

_LOCK = """
    SELECT rating.id FROM events_rating rating
    JOIN (SELECT DISTINCT * FROM unnest(%(user)s::bigint[], %(movie)s::bigint[]) AS pair (user_id, movie_id)) pair
        USING (user_id, movie_id)
    ORDER BY rating.user_id, rating.movie_id FOR UPDATE OF rating
"""
# Received when it was rated: the sweep for events that were not announced need not read it.
_KEEP = """
    INSERT INTO events_interaction
        (event_id, user_id, movie_id, kind, value, occurred_at, received_at, source)
    SELECT gen_random_uuid(), rating.user_id, rating.movie_id, 'rating', rating.value, kept_at, kept_at, %(before)s
    FROM (
        SELECT user_id, movie_id, max(rated_at) AS rated_at
        FROM unnest(%(user)s::bigint[], %(movie)s::bigint[], %(rated)s::timestamptz[])
            AS given (user_id, movie_id, rated_at)
        GROUP BY user_id, movie_id
    ) AS change
    JOIN events_rating rating USING (user_id, movie_id)
    CROSS JOIN LATERAL (SELECT least(rating.rated_at, %(at)s::timestamptz) AS kept_at) AS moment
    WHERE change.rated_at >= kept_at AND NOT EXISTS (
        SELECT FROM events_interaction event
        WHERE event.user_id = rating.user_id AND event.occurred_at = rating.rated_at
            AND event.movie_id = rating.movie_id AND event.kind = 'rating' AND event.value = rating.value
            AND event.undone_at IS NULL
    )
"""
# A stored time in the future, which remains when this machine's clock is set back, never counts as newer.
_UPSERT = """
    INSERT INTO events_rating AS rating (user_id, movie_id, value, rated_at)
    SELECT DISTINCT ON (user_id, movie_id) user_id, movie_id, value, rated_at
    FROM unnest(%(user)s::bigint[], %(movie)s::bigint[], %(value)s::float8[], %(rated)s::timestamptz[])
        WITH ORDINALITY AS change (user_id, movie_id, value, rated_at, place)
    ORDER BY user_id, movie_id, rated_at DESC, place DESC
    ON CONFLICT (user_id, movie_id) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
    WHERE rating.rated_at <= excluded.rated_at OR rating.rated_at > %(future)s
"""
_PAIRS = """
    pair AS (
        SELECT DISTINCT * FROM unnest(%(user)s::bigint[], %(movie)s::bigint[]) AS given (user_id, movie_id)
    ), newest AS (
        SELECT DISTINCT ON (user_id, movie_id) user_id, movie_id, value, occurred_at
        FROM pair JOIN events_interaction USING (user_id, movie_id)
        WHERE kind = 'rating' AND undone_at IS NULL
        ORDER BY user_id, movie_id, occurred_at DESC, id DESC
    )
"""
# Whether the rating is one that was taken back. One that came later without an event stays.
_TAKEN_BACK = """
    EXISTS (
        SELECT FROM events_interaction event
        WHERE event.user_id = rating.user_id AND event.movie_id = rating.movie_id AND event.kind = 'rating'
            AND event.undone_at IS NOT NULL AND NOT event.undo
            AND event.value = rating.value
            AND event.occurred_at = rating.rated_at
    )
"""
_RESTORE = f"""
    WITH {_PAIRS}, gone AS (
        DELETE FROM events_rating rating USING pair
        WHERE rating.user_id = pair.user_id AND rating.movie_id = pair.movie_id AND {_TAKEN_BACK}
            AND (rating.user_id, rating.movie_id) NOT IN (SELECT user_id, movie_id FROM newest)
    )
    INSERT INTO events_rating AS rating (user_id, movie_id, value, rated_at)
    SELECT user_id, movie_id, value, occurred_at FROM newest ORDER BY user_id, movie_id
    ON CONFLICT (user_id, movie_id) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
    WHERE rating.rated_at <= excluded.rated_at OR rating.rated_at > %(future)s OR {_TAKEN_BACK}
"""  # noqa: S608 -- no input in it.


@dataclass(frozen=True, slots=True)
class RatingChange:
    """A rating event that was stored, or taken back (``undo``). ``late``: it was taken back before it came."""

    user_id: int
    movie_id: int
    value: float | None
    rated_at: datetime
    undo: bool = False
    late: bool = False


def ratings_keep(changes: Sequence[RatingChange], *, at: datetime) -> None:
    """Locks the ratings of the pairs that change, and stores an event for those without one that lose their place.

    One statement, and another if there are ratings already.
    """
    changes = [change for change in changes if not change.late]
    if not changes:
        return
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_LOCK, _columns(changes, "user_id", "movie_id"))
        if cursor.rowcount:
            columns = _columns(changes, "user_id", "movie_id", "rated_at")
            cursor.execute(_KEEP, {**columns, "at": at, "before": BEFORE})


def ratings_update(changes: Sequence[RatingChange], *, at: datetime) -> None:
    """Makes each newest event the person's rating, unless theirs is newer; where something was taken back, the newest
    event that stands. Call it when the events are stored and taken back. One or two statements.
    """
    undone = {(change.user_id, change.movie_id) for change in changes if change.undo}
    plain = [
        change
        for change in changes
        if not change.late and not change.undo and (change.user_id, change.movie_id) not in undone
    ]
    if plain:
        columns = _columns(plain, "user_id", "movie_id", "value", "rated_at")
        with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(_UPSERT, {**columns, "future": at + FUTURE_TOLERANCE})
    ratings_restore(undone, at=at)


def ratings_restore(pairs: Collection[tuple[int, int]], *, at: datetime) -> None:
    """Sets the rating of each (person id, movie id) to their newest event that stands; deletes it where none does.

    One statement, if there are pairs.
    """
    if not pairs:
        return
    columns = {"user": [user_id for user_id, _ in pairs], "movie": [movie_id for _, movie_id in pairs]}
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_RESTORE, {**columns, "future": at + FUTURE_TOLERANCE})


def _columns(changes: Sequence[RatingChange], *names: str) -> dict[str, Any]:
    shown = {"user_id": "user", "movie_id": "movie", "value": "value", "rated_at": "rated"}
    return {shown[name]: [getattr(change, name) for change in changes] for name in names}
