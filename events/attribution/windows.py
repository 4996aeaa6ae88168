"""What came of the lists of a few hours, by model version, so that hours of different ages can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from events.attribution.dimensions import OPENED_KINDS, OTHER
from events.served.entries import SOURCE_CODES

# Only what was opened this soon after it was shown counts: older hours have had longer to be opened.
OPENED_WITHIN: Final = timedelta(hours=1)
# Of more lists in one window, the newest are read.
MAX_LISTS: Final = 10_000

# The version is compared as a text there, and as a number here; OTHER and "" are no versions.
_IMPRESSIONS = """
    SELECT coalesce(sum(impressions), 0) FROM events_recommendationstatistic
    WHERE period = 'hour' AND dimension = 'version' AND starts_at >= %(since)s AND starts_at < %(until)s
        AND value NOT IN ('', %(other)s) AND (value = %(version)s::text) = %(own)s
"""
_OPENED = f"""
    SELECT count(DISTINCT (person.user_id, outcome.recommendation_id, shown_at, outcome.position))
    FROM events_recommendationoutcome outcome
    JOIN events_interaction person ON person.id = outcome.interaction_id AND person.undone_at IS NULL
    WHERE shown_at >= %(since)s AND shown_at < %(until)s AND person.kind IN {OPENED_KINDS}
        AND person.occurred_at <= shown_at + %(within)s
        AND model_version_id IS NOT NULL AND (model_version_id = %(version)s) = %(own)s
"""  # noqa: S608 -- no input in it.
_LISTS = """
    SELECT count(*), count(*) FILTER (WHERE cardinality(movie_ids) = 0),
        count(*) FILTER (WHERE cardinality(sources) > 0 AND sources <@ ARRAY[%(popular)s]::smallint[])
    FROM (
        SELECT movie_ids, sources, model_version_id FROM events_servedrecommendation
        WHERE served_at >= %(since)s AND served_at < %(until)s AND user_id IS NOT NULL
        ORDER BY served_at DESC LIMIT %(lists)s
    ) newest
    WHERE model_version_id IS NOT NULL AND (model_version_id = %(version)s) = %(own)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFigures:
    """Lists of people that were ranked by a model version; guests' lists count nowhere.

    impressions: movies that were shown; opened: those that were opened within OPENED_WITHIN. lists: those in the log
    that were read, at most MAX_LISTS; empty: those without a movie; fallback: those of popular movies alone.
    """

    impressions: int
    opened: int
    lists: int
    empty: int
    fallback: int


def window_figures(*, since: datetime, until: datetime, version_id: int, own: bool) -> WindowFigures:
    """The figures of the version, or with ``own`` False of all others together. Three queries.

    since, until: full hours, at most as long ago as hourly statistics are kept. Their statistics must be counted until
    OPENED_WITHIN after ``until``.
    """
    values: dict[str, Any] = {
        "since": since,
        "until": until,
        "version": version_id,
        "own": own,
        "other": OTHER,
        "within": OPENED_WITHIN,
        "popular": SOURCE_CODES["popular"],
        "lists": MAX_LISTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_IMPRESSIONS, values)
        [impressions] = cursor.fetchone()
        cursor.execute(_OPENED, values)
        [opened] = cursor.fetchone()
        cursor.execute(_LISTS, values)
        lists, empty, fallback = cursor.fetchone()
    return WindowFigures(
        impressions=int(impressions), opened=min(opened, int(impressions)), lists=lists, empty=empty, fallback=fallback
    )
