"""How many events a day has, counted along with the statistics so that nobody counts the table of events."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.models import Max

from events.attribution.models import DailyEventCount

# Before the first count: how many days are counted.
FIRST_DAYS = 30
# Reads the index of received_at for some days; the days are counted again as a whole, so that repeating it is safe.
_COUNT = """
    INSERT INTO events_dailyeventcount (day, kind, count, as_of)
    SELECT (received_at AT TIME ZONE 'UTC')::date,
        CASE WHEN source LIKE 'import:%%' OR source LIKE 'taste:%%' THEN %(imported)s ELSE kind END, count(*), %(until)s
    FROM events_interaction WHERE received_at >= %(since)s AND received_at < %(until)s
    GROUP BY 1, 2
    ON CONFLICT (day, kind) DO UPDATE SET count = excluded.count, as_of = excluded.as_of
"""


def event_counts_refresh(*, reread: timedelta, now: datetime) -> None:
    """Counts the days since the last count again, and those that ``reread`` reaches back to. Two queries."""
    counted = DailyEventCount.objects.aggregate(last=Max("as_of"))["last"]
    since = now - timedelta(days=FIRST_DAYS) if counted is None else min(counted, now) - reread
    start = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"since": start, "until": now, "imported": DailyEventCount.IMPORTED})


def event_counts(*, since: date) -> tuple[Mapping[date, Mapping[str, int]], datetime | None]:
    """Events by day and kind, and when they were counted last; None if never. One query."""
    by_day: dict[date, dict[str, int]] = {}
    newest: datetime | None = None
    for day, kind, count, as_of in DailyEventCount.objects.filter(day__gte=since).values_list(
        "day", "kind", "count", "as_of"
    ):
        by_day.setdefault(day, {})[kind] = count
        newest = as_of if newest is None else max(newest, as_of)
    return by_day, newest
