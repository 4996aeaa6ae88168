"""What people of each arm did with what they were shown, summed for each person: what the statistics read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from events.attribution.dimensions import UNKNOWN_RUNTIME
from recommendations.models import Experiment

Metric = Experiment.Metric
# An event counts for a movie that was shown at most this long before it.
WINDOW = timedelta(days=7)
# Opening a movie counts as a click-through, whichever of these the client sends; watching implies it.
_OPENED = ["click", "view", "watch", "partial"]
_WATCHED = ["watch"]
# For this statement: it aggregates millions of rows, and may take longer than one that serves a list.
_LIMITS = """
    SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true),
        set_config('statement_timeout', '60s', true)
"""
# The movies that each person was shown in their arm, with the first time; both bounds prune the months of the log.
_SHOWN = """
    WITH list AS (
        SELECT id, user_id, arm, movie_ids FROM events_servedrecommendation
        WHERE experiment = %(experiment)s AND experiment <> '' AND user_id IS NOT NULL
            AND served_at >= %(since)s AND served_at < %(until)s
    ), impression AS (
        SELECT list.user_id, list.arm, shown.shown_at,
            list.movie_ids[shown.start + 1 : shown.start + shown.count] AS movie_ids
        FROM events_listimpression shown JOIN list ON list.id = shown.recommendation_id
        WHERE shown.shown_at >= %(since)s AND shown.shown_at < %(until)s
    ), shown AS (
        SELECT user_id, arm, movie.id AS movie_id, min(shown_at) AS shown_at
        FROM impression CROSS JOIN LATERAL unnest(movie_ids) movie (id)
        GROUP BY 1, 2, 3
    ), person AS (
        SELECT user_id, arm, min(shown_at) AS shown_at, count(*) AS impressions FROM impression GROUP BY 1, 2
    )
"""
_EVENTS = """event.undone_at IS NULL AND NOT event.undo
            AND event.occurred_at >= %(since)s AND event.occurred_at < %(until)s"""
# Of each person: whether they did it with each shown movie, of how many movies.
_THROUGH = f"""
    , done AS (
        SELECT DISTINCT shown.user_id, shown.arm, shown.movie_id
        FROM shown JOIN events_interaction event USING (user_id, movie_id)
        WHERE {_EVENTS} AND event.kind = ANY(%(kinds)s)
            AND event.occurred_at >= shown.shown_at AND event.occurred_at < shown.shown_at + %(window)s
    ), summed AS (
        SELECT shown.user_id, shown.arm, count(done.movie_id)::float8 AS total, count(*)::float8 AS n
        FROM shown LEFT JOIN done USING (user_id, arm, movie_id) GROUP BY 1, 2
    )
"""  # noqa: S608 -- no input in it.
# Hours that each person watched after their first list, whatever led to it: the furthest progress of each movie.
_HOURS = f"""
    , watched AS (
        SELECT person.user_id, person.arm, event.movie_id, max(coalesce(event.progress, 1)) AS progress
        FROM person JOIN events_interaction event USING (user_id)
        WHERE {_EVENTS} AND event.kind IN ('watch', 'partial') AND event.occurred_at >= person.shown_at
        GROUP BY 1, 2, 3
    ), summed AS (
        SELECT person.user_id, person.arm, 1::float8 AS n,
            coalesce(sum(watched.progress * coalesce(movie.runtime_minutes, %(runtime)s)) / 60, 0)::float8 AS total
        FROM person LEFT JOIN watched USING (user_id, arm) LEFT JOIN movies_movie movie ON movie.id = watched.movie_id
        GROUP BY 1, 2
    )
"""  # noqa: S608 -- no input in it.
# The newest rating of each shown movie, within the window.
_RATING = f"""
    , rated AS (
        SELECT DISTINCT ON (shown.user_id, shown.arm, shown.movie_id) shown.user_id, shown.arm, event.value
        FROM shown JOIN events_interaction event USING (user_id, movie_id)
        WHERE {_EVENTS} AND event.kind = 'rating'
            AND event.occurred_at >= shown.shown_at AND event.occurred_at < shown.shown_at + %(window)s
        ORDER BY shown.user_id, shown.arm, shown.movie_id, event.occurred_at DESC
    ), summed AS (
        SELECT person.user_id, person.arm, coalesce(sum(rated.value), 0)::float8 AS total,
            count(rated.value)::float8 AS n
        FROM person LEFT JOIN rated USING (user_id, arm) GROUP BY 1, 2
    )
"""  # noqa: S608 -- no input in it.
_SELECT = "SELECT person.arm, person.user_id, total, n, impressions FROM person JOIN summed USING (user_id, arm)"
_SUMS: Mapping[str, str] = {
    Metric.CLICK_THROUGH: _THROUGH,
    Metric.WATCH_THROUGH: _THROUGH,
    Metric.HOURS: _HOURS,
    Metric.RATING: _RATING,
}
_KINDS: Mapping[str, list[str]] = {Metric.CLICK_THROUGH: _OPENED, Metric.WATCH_THROUGH: _WATCHED}


@dataclass(frozen=True, slots=True)
class ArmObservations:
    """n people who were shown a list of the experiment, ordered by person.

    arms: names of the arms; arm: the index of each person's arm, int64 (n,); people: ids, int64 (n,); sums, counts:
    the metric is their ratio, float64 (n,); impressions: how often each was shown a list or a page, int64 (n,).
    """

    arms: tuple[str, ...]
    arm: NDArray[np.int64]
    people: NDArray[np.int64]
    sums: NDArray[np.float64]
    counts: NDArray[np.float64]
    impressions: NDArray[np.int64]


def observation_end(experiment: Experiment, now: datetime) -> datetime:
    """The end of what counts: its stop, its planned end or now."""
    return min(moment for moment in (experiment.stopped_at, experiment.ends_at, now) if moment is not None)


def arm_observations(experiment: Experiment, *, now: datetime | None = None) -> ArmObservations:
    """Read the log of lists and the events of the experiment's time. Two queries; nobody before it was started.

    Each person is in one arm, because assignment is by hash. Rows of other arms than the experiment's, which another
    experiment of the same name may have left, are ignored.
    """
    names = tuple(arm.name for arm in experiment.arms.all())
    rows = [] if experiment.started_at is None else _rows(experiment, now or timezone.now())
    index = {name: place for place, name in enumerate(names)}
    rows = sorted((row for row in rows if row[0] in index), key=lambda row: (row[1], row[0]))
    arm, people, sums, counts, impressions = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return ArmObservations(
        names,
        np.array([index[name] for name in arm], np.int64),
        np.array(people, np.int64),
        np.array(sums, np.float64),
        np.array(counts, np.float64),
        np.array(impressions, np.int64),
    )


def _rows(experiment: Experiment, now: datetime) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {
        "experiment": experiment.name,
        "since": experiment.started_at,
        "until": observation_end(experiment, now),
        "window": WINDOW,
        "kinds": _KINDS.get(experiment.metric, []),
        "runtime": UNKNOWN_RUNTIME,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LIMITS)
        cursor.execute(_SHOWN + _SUMS[experiment.metric] + _SELECT, values)
        return list(cursor.fetchall())
