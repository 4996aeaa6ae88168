"""Counts the statistics of one hour from impressions and outcomes, and those of one day from its hours.

Each function replaces all rows of its hour or day, so that repeating it changes nothing but ``as_of``.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from events.attribution.attributing import MAX_LIST_AGE
from events.attribution.dimensions import (
    MAX_VALUES,
    OPENED_KINDS,
    OTHER,
    SOURCE_NAMES,
    STARTED_KINDS,
    UNKNOWN_RUNTIME,
    UNKNOWN_SOURCE,
)
from events.models import FUTURE_TOLERANCE

# Sums of impressions, in the table's order.
_COUNTS = (
    "opened", "clicks", "views", "watchlisted", "started", "watches", "likes", "dislikes", "hides", "ratings",
    "rating_sum", "hours_watched",
)  # fmt: skip
_SUMMED = ("impressions", *_COUNTS)
_SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _SUMMED)
_LIST_SETS = "(), (version), (experiment, arm), (client), (endpoint)"
# One bit for each argument, set where the row is not grouped by it.
_LIST_DIMENSION = """
    CASE GROUPING(version, experiment, client, endpoint)
        WHEN 15 THEN 'total' WHEN 7 THEN 'version' WHEN 11 THEN 'arm' WHEN 13 THEN 'client' WHEN 14 THEN 'endpoint' END
"""
_DIMENSION = """
    CASE GROUPING(source, position, version, experiment, client, endpoint)
        WHEN 63 THEN 'total' WHEN 31 THEN 'source' WHEN 47 THEN 'position' WHEN 55 THEN 'version' WHEN 59 THEN 'arm'
        WHEN 61 THEN 'client' WHEN 62 THEN 'endpoint' WHEN 27 THEN 'source_arm' END
"""
# The dimensions of a list, as texts: an empty one is an answer too.
_OF_LIST = """
    coalesce(model_version_id::text, '') AS version, experiment, arm, coalesce(client_id::text, '') AS client, endpoint
"""
_NAMES = " ".join(f"WHEN {number} THEN '{name}'" for number, name in SOURCE_NAMES.items())
_SOURCE = f"CASE {{source}} {_NAMES} ELSE 'unknown' END"
_POSITION = """
    CASE WHEN position <= 20 THEN position::text WHEN position <= 50 THEN '21-50'
        WHEN position <= 100 THEN '51-100' ELSE '101+' END
"""
# Impressions of people. A guest's count nowhere: no event can follow them.
_SHOWN = f"""
    shown AS MATERIALIZED (
        SELECT impression.user_id, recommendation_id, start, least(count, cardinality(movie_ids) - start) AS count,
            sources[start + 1 : start + count] AS sources, {_OF_LIST}
        FROM events_listimpression impression JOIN events_servedrecommendation list ON list.id = recommendation_id
        WHERE shown_at >= %(since)s AND shown_at < %(until)s AND impression.user_id IS NOT NULL
            AND served_at > %(oldest)s AND served_at < %(newest)s
            AND served_at <= shown_at + %(tolerance)s
    )
"""  # noqa: S608 -- no input in it.
# One row for each impression of a movie that led to anything.
_ACTED = f"""
    acted AS MATERIALIZED (
        SELECT person.user_id, {_OF_LIST}, {_SOURCE.format(source="outcome.source")} AS source, {_POSITION} AS position,
            bool_or(kind IN {OPENED_KINDS})::int AS opened, bool_or(kind = 'click')::int AS clicks,
            bool_or(kind = 'view')::int AS views, bool_or(kind = 'watchlist')::int AS watchlisted,
            bool_or(kind IN {STARTED_KINDS})::int AS started, bool_or(kind = 'watch')::int AS watches,
            bool_or(kind = 'like')::int AS likes, bool_or(kind = 'dislike')::int AS dislikes,
            bool_or(kind = 'hide')::int AS hides, bool_or(kind = 'rating')::int AS ratings,
            coalesce((array_agg(value ORDER BY occurred_at DESC, person.id DESC) FILTER (WHERE kind = 'rating'))[1], 0)
                AS rating_sum,
            coalesce(max(coalesce(progress, 1)) FILTER (WHERE kind IN {STARTED_KINDS}), 0)
                * coalesce(runtime_minutes, {UNKNOWN_RUNTIME}) / 60.0 AS hours_watched
        FROM events_recommendationoutcome outcome
        JOIN events_interaction person ON person.id = outcome.interaction_id AND person.undone_at IS NULL
        JOIN movies_movie movie ON movie.id = person.movie_id
        WHERE shown_at >= %(since)s AND shown_at < %(until)s
        GROUP BY person.user_id, outcome.recommendation_id, shown_at, outcome.position, outcome.source,
            model_version_id, experiment, arm, client_id, endpoint, runtime_minutes
    )
"""  # noqa: S608 -- no input in it.
_AUDIENCE = f"""
    audience AS (
        SELECT {_LIST_DIMENSION} AS dimension, coalesce(version, client, endpoint, '') AS value,
            coalesce(experiment, '') AS experiment, coalesce(arm, '') AS arm,
            count(DISTINCT recommendation_id) AS lists, count(DISTINCT user_id) AS people
        FROM shown GROUP BY GROUPING SETS ({_LIST_SETS})
    ), actors AS (
        SELECT {_LIST_DIMENSION} AS dimension, coalesce(version, client, endpoint, '') AS value,
            coalesce(experiment, '') AS experiment, coalesce(arm, '') AS arm, count(DISTINCT user_id) AS people_acted
        FROM acted GROUP BY GROUPING SETS ({_LIST_SETS})
    )
"""  # noqa: S608 -- no input in it.
_INSERT = f"""
    INSERT INTO events_recommendationstatistic (period, starts_at, dimension, value, experiment, arm,
        {", ".join(_SUMMED)}, lists, people, people_acted, as_of)
    SELECT %(period)s, %(since)s, dimension, value, experiment, arm, {", ".join(_SUMMED)}, lists, people,
        CASE WHEN people IS NOT NULL THEN coalesce(people_acted, 0) END, now()
    FROM summed
    LEFT JOIN audience USING (dimension, value, experiment, arm)
    LEFT JOIN actors USING (dimension, value, experiment, arm)
"""  # noqa: S608 -- no input in it.
_OTHER = f"""
    SELECT dimension, CASE WHEN place > {MAX_VALUES} AND dimension IN ('version', 'client', 'endpoint')
        THEN '{OTHER}' ELSE value END AS value, experiment, arm, {_SUMS}
    FROM (
        SELECT *, row_number() OVER (PARTITION BY dimension ORDER BY impressions DESC, value) AS place FROM counted
    ) placed
    GROUP BY 1, 2, 3, 4
"""  # noqa: S608 -- no input in it.
_HOUR = f"""
    WITH {_SHOWN}, {_ACTED}, {_AUDIENCE}, cell AS (
        SELECT {_SOURCE.format(source="source")} AS source, {_POSITION} AS position, version, experiment, arm, client,
            endpoint, count(*) AS impressions, {", ".join(f"0 AS {name}" for name in _COUNTS)}
        FROM (
            SELECT shown.*, position, coalesce(sources[position - start], {UNKNOWN_SOURCE}) AS source
            FROM shown, generate_series(start + 1, start + count) AS position
        ) place
        GROUP BY 1, 2, 3, 4, 5, 6, 7
        UNION ALL
        SELECT source, position, version, experiment, arm, client, endpoint, 0, {", ".join(_COUNTS)} FROM acted
    ), counted AS (
        SELECT {_DIMENSION} AS dimension,
            CASE WHEN GROUPING(source) = 0 THEN source
                ELSE coalesce(position, version, client, endpoint, '') END AS value,
            coalesce(experiment, '') AS experiment, coalesce(arm, '') AS arm, {_SUMS}
        FROM cell
        GROUP BY GROUPING SETS ((source), (position), (source, experiment, arm), {_LIST_SETS})
        HAVING count(*) > 0
    ), summed AS ({_OTHER})
    {_INSERT}
"""  # noqa: S608 -- no input in it.
_DAY = f"""
    WITH {_SHOWN}, {_ACTED}, {_AUDIENCE}, counted AS (
        SELECT dimension, value, experiment, arm, {_SUMS} FROM events_recommendationstatistic
        WHERE period = 'hour' AND starts_at >= %(since)s AND starts_at < %(until)s
        GROUP BY dimension, value, experiment, arm
    ), summed AS ({_OTHER})
    {_INSERT}
"""  # noqa: S608 -- no input in it.
_DELETE = "DELETE FROM events_recommendationstatistic WHERE period = %(period)s AND starts_at = %(since)s"

# Planning the statement takes longer than this answer for an hour without lists.
_ANY = """
    SELECT EXISTS (SELECT FROM events_listimpression WHERE shown_at >= %(since)s AND shown_at < %(until)s)
"""


def hour_count(starts_at: datetime) -> int:
    """Replaces the statistics of the hour; returns how many rows it has now. Call it in a transaction."""
    return _replace("hour", starts_at, timedelta(hours=1), _HOUR)


def day_count(starts_at: datetime) -> int:
    """Replaces the statistics of the day (in UTC) by the sums of its hours; returns how many rows it has now.

    Lists and people are counted again, since the same person may be in many hours. Call it in a transaction.
    """
    return _replace("day", starts_at, timedelta(days=1), _DAY)


def _replace(period: str, starts_at: datetime, length: timedelta, insert: str) -> int:
    values: dict[str, Any] = {
        "period": period,
        "since": starts_at,
        "until": starts_at + length,
        # Bounds that are known when the statement is planned, so that it reads few partitions.
        "oldest": starts_at - MAX_LIST_AGE,
        "newest": starts_at + length + FUTURE_TOLERANCE,
        "tolerance": FUTURE_TOLERANCE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, values)
        cursor.execute(_ANY, values)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(insert, values)
        return cursor.rowcount
