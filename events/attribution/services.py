"""Keeps outcomes and statistics up to date. Safe to run twice, late or at the same time, and to be killed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from events.attribution import rollup
from events.attribution.attributing import attribution_reach, outcomes_attribute
from events.attribution.dimensions import Period
from events.attribution.event_counts import event_counts_refresh
from events.attribution.models import AttributionProgress, RecommendationOutcome, RecommendationStatistic
from events.models import ListImpression
from movies.db.advisory_locks import session_lock

logger = structlog.get_logger(__name__)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# How far back each run reads again what it has read: events and impressions that were written late.
HOURLY_REREAD = 3 * HOUR
NIGHTLY_REREAD = 3 * DAY
_DAYS_PER_MONTH = 31
_DELETED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Refreshed:
    """outcomes: events attributed, those read again included; hours, days: whose statistics were counted."""

    outcomes: int
    hours: int
    days: int


def statistics_refresh(*, reread: timedelta = HOURLY_REREAD, now: datetime | None = None) -> Refreshed | None:
    """Attributes the events received since the last run, and counts each hour that changed; None if a run is on.

    Every step is one transaction, which also notes what is left to do: a run that is killed is continued by the next.
    """
    now = now or timezone.now()
    with session_lock("attribution") as acquired:
        if not acquired:
            logger.info("attribution_skipped", reason="another run is on")
            return None
        reach = attribution_reach(now)
        since = max(min(_read_until(reach, now), now) - reread, reach)
        outcomes = sum(_attribute(start, stop, reach) for start, stop in _hours(since, now))
        hours = _count_pending_hours(reach)
        event_counts_refresh(reread=reread, now=now)
    return Refreshed(outcomes, hours, 0)


def statistics_close_days(*, now: datetime | None = None) -> Refreshed | None:
    """The nightly run: reads the last days again, counts each past day that changed, and drops what is old."""
    now = now or timezone.now()
    refreshed = statistics_refresh(reread=NIGHTLY_REREAD, now=now)
    if refreshed is None:
        return None
    days = _count_pending_days(now)
    statistics_prune(now=now)
    return Refreshed(refreshed.outcomes, refreshed.hours, days)


def statistics_prune(*, now: datetime | None = None) -> None:
    """Drops outcomes and hours older than ATTRIBUTION_HOURLY_DAYS, and days older than ATTRIBUTION_DAILY_MONTHS."""
    now = now or timezone.now()
    # At the start of a day: an hour counts for its day as long as that may be counted again.
    hourly = _day_of(now) - settings.ATTRIBUTION_HOURLY_DAYS * DAY
    daily = now - settings.ATTRIBUTION_DAILY_MONTHS * _DAYS_PER_MONTH * DAY
    RecommendationStatistic.objects.filter(period=Period.HOUR, starts_at__lt=hourly).delete()
    RecommendationStatistic.objects.filter(period=Period.DAY, starts_at__lt=daily).delete()
    old = RecommendationOutcome.objects.filter(shown_at__lt=hourly).values_list("pk", flat=True)
    while some := list(old[:_DELETED_AT_ONCE]):
        RecommendationOutcome.objects.filter(pk__in=some).delete()


def _read_until(reach: datetime, now: datetime) -> datetime:
    """Until when events were read; before the first run, when the first list within reach was shown."""
    progress = AttributionProgress.objects.filter(pk=1).first()
    if progress is None:
        first = ListImpression.objects.filter(shown_at__gte=reach).aggregate(first=Min("shown_at"))["first"]
        progress = AttributionProgress.objects.create(pk=1, read_until=min(first or now, now))
    return progress.read_until


def _attribute(start: datetime, stop: datetime, reach: datetime) -> int:
    """Attributes the events received in this time, and notes the hours to count."""
    with transaction.atomic():
        progress = AttributionProgress.objects.select_for_update().get(pk=1)
        attributed = outcomes_attribute(since=start, until=stop, reach=reach)
        # What was shown in this time is counted, whether or not it led to anything.
        progress.pending_hours = sorted({*progress.pending_hours, *attributed.hours, _hour_of(start)})
        progress.read_until = max(progress.read_until, stop)
        progress.save()
    return attributed.outcomes


def _count_pending_hours(reach: datetime) -> int:
    pending = AttributionProgress.objects.get(pk=1).pending_hours
    for hour in pending:
        with transaction.atomic():
            progress = AttributionProgress.objects.select_for_update().get(pk=1)
            # Hours that nothing is attributed to any more stay as they were counted.
            if hour >= reach:
                rollup.hour_count(hour)
                progress.pending_days = sorted({*progress.pending_days, _day_of(hour)})
            progress.pending_hours = [other for other in progress.pending_hours if other != hour]
            progress.save()
    return len(pending)


def _count_pending_days(now: datetime) -> int:
    """Counts the past days that changed; today waits until it is over."""
    past = [day for day in AttributionProgress.objects.get(pk=1).pending_days if day < _day_of(now)]
    for day in past:
        with transaction.atomic():
            progress = AttributionProgress.objects.select_for_update().get(pk=1)
            rollup.day_count(day)
            progress.pending_days = [other for other in progress.pending_days if other != day]
            progress.save()
    return len(past)


def _hours(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The span cut at full hours, so that each statement has at most an hour of events."""
    while since < until:
        stop = min(_hour_of(since) + HOUR, until)
        yield since, stop
        since = stop


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _day_of(moment: datetime) -> datetime:
    return _hour_of(moment).replace(hour=0)
