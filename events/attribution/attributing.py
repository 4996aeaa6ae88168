"""Joins events to the lists that led to them: one statement for all events received in a span of time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from events.attribution.dimensions import ATTRIBUTED_KINDS, UNKNOWN_SOURCE
from events.models import FUTURE_TOLERANCE

# The impressions of one person that are searched for one event: no more than this many, the newest ones.
MAX_SEARCHED = 500
# A list is shown at most this long after it was computed; for the planner, which then reads fewer partitions.
MAX_LIST_AGE = timedelta(days=31)

# An impression before the event, give or take the difference of two clocks, but never after the event was received.
_SHOWN = """
    shown.user_id = event.user_id
    AND shown.shown_at <= least(event.occurred_at + %(tolerance)s, event.received_at)
"""
_LIST = """
    list.id = shown.recommendation_id
    AND list.served_at <= shown.shown_at + %(tolerance)s AND list.served_at > shown.shown_at - %(list_age)s
    AND event.movie_ids && list.movie_ids[shown.start + 1 : shown.start + shown.count]
"""
_COLUMNS = """
    shown.shown_at, shown.start, shown.count, list.id, list.movie_ids, list.sources, list.model_version_id,
    list.experiment, list.arm, list.client_id, list.endpoint
"""
_INSERT = f"""
    WITH event AS MATERIALIZED (
        -- Lists from before a merge name the duplicates that were merged into the movie.
        SELECT id, user_id, occurred_at, received_at, recommendation_id,
            movie_id || ARRAY(SELECT merged.id FROM movies_movie merged WHERE merged.merged_into_id = movie_id)
            AS movie_ids
        FROM events_interaction WHERE received_at >= %(since)s AND received_at < %(until)s AND kind = ANY(%(kinds)s)
            AND undone_at IS NULL AND NOT undo AND source NOT LIKE 'import:%%' AND source NOT LIKE 'taste:%%'
            AND occurred_at >= %(reach)s
    ), named AS MATERIALIZED (
        SELECT event.id AS event_id, hit.* FROM event CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM events_listimpression shown JOIN events_servedrecommendation list ON {_LIST}
            WHERE shown.recommendation_id = event.recommendation_id AND {_SHOWN} AND shown.shown_at >= %(reach)s
            ORDER BY shown.shown_at DESC, shown.id DESC LIMIT 1
        ) hit WHERE event.recommendation_id IS NOT NULL
    ), newest AS (
        SELECT event.id AS event_id, hit.* FROM event CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM (
                SELECT * FROM events_listimpression shown
                WHERE {_SHOWN} AND shown.shown_at >= greatest(event.occurred_at - %(window)s, %(reach)s)
                ORDER BY shown.shown_at DESC LIMIT %(searched)s
            ) shown JOIN events_servedrecommendation list ON {_LIST}
            ORDER BY shown.shown_at DESC, shown.id DESC LIMIT 1
        ) hit WHERE NOT EXISTS (SELECT FROM named WHERE named.event_id = event.id)
    ), hit AS (
        SELECT true AS is_named, * FROM named UNION ALL SELECT false, * FROM newest
    ), placed AS (
        SELECT hit.*, start + (
            SELECT min(array_position(hit.movie_ids[start + 1 : start + count], name))
            FROM unnest(event.movie_ids) AS name
        ) AS position
        FROM hit JOIN event ON event.id = event_id
    ), inserted AS (
        INSERT INTO events_recommendationoutcome (interaction_id, shown_at, recommendation_id, position, source, named,
            model_version_id, experiment, arm, client_id, endpoint)
        SELECT event_id, shown_at, id, position, coalesce(sources[position], %(unknown)s), is_named, model_version_id,
            experiment, arm, client_id, endpoint
        FROM placed
        RETURNING shown_at
    )
    SELECT count(*), array_agg(DISTINCT date_trunc('hour', shown_at, 'UTC')) FROM inserted
"""  # noqa: S608 -- no input in it.
# Outcomes of the events that are read again, and of those that were taken back meanwhile.
_DELETE = """
    WITH deleted AS (
        DELETE FROM events_recommendationoutcome WHERE interaction_id = ANY(ARRAY(
            SELECT id FROM events_interaction WHERE received_at >= %(since)s AND received_at < %(until)s
            UNION ALL
            SELECT id FROM events_interaction WHERE undone_at >= %(since)s AND undone_at < %(until)s
        )) AND shown_at >= %(reach)s RETURNING shown_at
    )
    SELECT array_agg(DISTINCT date_trunc('hour', shown_at, 'UTC')) FROM deleted
"""


@dataclass(frozen=True, slots=True)
class Attributed:
    """outcomes: how many events were attributed; hours: the starts of the hours whose statistics changed."""

    outcomes: int
    hours: set[datetime]


def attribution_reach(now: datetime) -> datetime:
    """Events are attributed to impressions from this full hour on, and outcomes of earlier ones stay as they are.

    It is a day less than the hours are kept for, so that no hour is counted again after its rows begin to be dropped.
    """
    reach = now - timedelta(days=settings.ATTRIBUTION_HOURLY_DAYS - 1)
    return reach.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def outcomes_attribute(*, since: datetime, until: datetime, reach: datetime) -> Attributed:
    """Attributes the events received from ``since`` to ``until`` again, and drops those taken back in that time.

    reach: as from ``attribution_reach``. Two statements; call it in a transaction. Repeating it changes nothing.
    """
    values: dict[str, Any] = {
        "since": since,
        "until": until,
        "reach": reach,
        "window": timedelta(hours=settings.ATTRIBUTION_WINDOW_HOURS),
        "tolerance": FUTURE_TOLERANCE,
        "list_age": MAX_LIST_AGE,
        "kinds": list(ATTRIBUTED_KINDS),
        "searched": MAX_SEARCHED,
        "unknown": UNKNOWN_SOURCE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, values)
        (deleted,) = cursor.fetchone()
        cursor.execute(_INSERT, values)
        outcomes, inserted = cursor.fetchone()
    return Attributed(outcomes, {*(deleted or ()), *(inserted or ())})
