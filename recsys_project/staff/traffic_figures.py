"""The dashboard's figures of what was shown and done: lists, click-through by source, events, and fallbacks."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from events.attribution.dimensions import Dimension, Period
from events.attribution.event_counts import event_counts
from events.attribution.selectors import DailyShown, shown_by_day_and_source, statistics_as_of
from events.models import DailyEventCount, RecommendationStatistic
from events.served.entries import SOURCE_CODES

DAYS = 28
WEEK = timedelta(days=7)
# Shares of empty lists and of fallbacks are of this many lists, which an index finds.
NEWEST_LISTS = 2_000
FALLBACK = "popular"
_NEWEST = """
    SELECT count(*), count(*) FILTER (WHERE cardinality(movie_ids) = 0),
        count(*) FILTER (WHERE cardinality(sources) > 0 AND %s = ALL(sources)), min(served_at)
    FROM (
        SELECT movie_ids, sources, served_at FROM events_servedrecommendation WHERE served_at > %s
        ORDER BY served_at DESC LIMIT %s
    ) newest
"""


def traffic_figures() -> dict[str, Any]:
    """Of the last four weeks, by day in UTC. Six queries, none of which reads the events or all lists."""
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight - timedelta(days=DAYS - 1)
    days = [(first + timedelta(days=number)).date() for number in range(DAYS)]
    shown = shown_by_day_and_source(since=first, until=now)
    return {
        "days": days,
        "statistics_as_of": statistics_as_of(),
        "clicks": _click_through(shown, days),
        "fallback": _fallback_share(shown, days),
        "week": _week(shown, now),
        "lists": _lists(first, days),
        "events": _events(days),
        "newest": _newest_lists(now),
    }


def _click_through(shown: list[DailyShown], days: list[date]) -> dict[str, list[float | None]]:
    """By source, the share of the movies shown that were clicked or viewed, in percent; None on days without any."""
    cells = {(row.source, row.day): row for row in shown if row.impressions}
    sources = sorted({row.source for row in shown if row.impressions})
    return {
        source: [100 * row.opened / row.impressions if (row := cells.get((source, day))) else None for day in days]
        for source in sources
    }


def _fallback_share(shown: list[DailyShown], days: list[date]) -> list[float | None]:
    """The share of the places shown that popular movies filled, in percent."""
    all_places: dict[date, int] = defaultdict(int)
    filled: dict[date, int] = defaultdict(int)
    for row in shown:
        all_places[row.day] += row.impressions
        filled[row.day] += row.impressions * (row.source == FALLBACK)
    return [100 * filled[day] / all_places[day] if all_places[day] else None for day in days]


def _week(shown: list[DailyShown], now: datetime) -> dict[str, Any]:
    """The last seven days against the seven before: movies shown, and the share that was opened."""

    def summed(since: datetime, until: datetime) -> dict[str, Any]:
        rows = [row for row in shown if since.date() < row.day <= until.date()]
        impressions, opened = sum(row.impressions for row in rows), sum(row.opened for row in rows)
        return {"impressions": impressions, "text": _percent(opened, impressions)}

    return {"now": summed(now - WEEK, now), "before": summed(now - 2 * WEEK, now - WEEK)}


def _lists(first: datetime, days: list[date]) -> dict[str, Any]:
    """Distinct lists and people by day; counted once the day is over, so today's are missing. One query."""
    rows = RecommendationStatistic.objects.filter(
        period=Period.DAY, starts_at__gte=first, dimension=Dimension.TOTAL
    ).values_list("starts_at", "lists", "people")
    by_day = {starts_at.date(): (lists, people) for starts_at, lists, people in rows}
    nothing = (None, None)
    return {
        "lists": [by_day.get(day, nothing)[0] for day in days],
        "people": [by_day.get(day, nothing)[1] for day in days],
    }


def _events(days: list[date]) -> dict[str, Any]:
    """Events by kind and day; imported ones apart, since one import outweighs months."""
    by_day, as_of = event_counts(since=days[0])
    kinds = sorted({kind for counts in by_day.values() for kind in counts} - {DailyEventCount.IMPORTED})
    today = by_day.get(days[-1], {})
    return {
        "as_of": as_of,
        "kinds": {kind: [by_day.get(day, {}).get(kind, 0) for day in days] for kind in kinds},
        "imported": sum(counts.get(DailyEventCount.IMPORTED, 0) for counts in by_day.values()),
        "today": sum(count for kind, count in today.items() if kind != DailyEventCount.IMPORTED),
    }


def _newest_lists(now: datetime) -> dict[str, Any]:
    """How many of the newest lists had no movie, and how many popular movies alone. One query, by the index."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [SOURCE_CODES[FALLBACK], now - timedelta(days=DAYS), NEWEST_LISTS])
        lists, empty, fallback, oldest = cursor.fetchone()
    return {
        "lists": lists,
        "since": oldest,
        "text": f"{_percent(empty, lists)} and {_percent(fallback, lists)}" if lists else "",
    }


def _percent(part: int, whole: int) -> str:
    """Empty for a share of nothing."""
    return f"{part / whole:.1%}" if whole else ""
