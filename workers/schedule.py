"""The latest time at which the admin's schedule ("Periodic tasks") wanted a task to run, sent or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from django.db.migrations.recorder import MigrationRecorder
from django_celery_beat.models import PeriodicTask
from django_celery_beat.tzcrontab import TzAwareCrontab

logger = structlog.get_logger(__name__)

# How far back a crontab is searched for its latest time, in increasing steps: hourly, daily, weekly, monthly, yearly.
_SEARCH_WINDOWS = [timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=31), timedelta(days=366)]

# A date that does not exist, such as 30 February; an interval or a start beyond the last date. Beat skips such entries.
_UNREADABLE = (ValueError, OverflowError)


def latest_slot(task: str, *, now: datetime) -> datetime | None:
    """The latest time, at most a year ago, at which an enabled entry schedules ``task``.

    None if there is no such entry, or no such time since the schedule was installed: earlier runs were not missed.
    Only crontabs and intervals are read; the admin accepts nothing else for these tasks.
    """
    slots = [_slot(entry, now) for entry in PeriodicTask.objects.filter(task=task, enabled=True)]
    latest = max((slot for slot in slots if slot is not None), default=None)
    installed = _installed_at()
    return None if latest is None or (installed is not None and latest < installed) else latest


def _slot(entry: PeriodicTask, now: datetime) -> datetime | None:
    slot = None
    try:
        if entry.crontab is not None:
            slot = latest_of_crontab(entry.crontab.schedule, now)
        elif entry.interval is not None:
            seconds = entry.interval.schedule.run_every.total_seconds()
            slot = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    except _UNREADABLE as error:
        logger.error("schedule_not_readable", entry=entry.name, reason=str(error))
    if slot is None or (entry.start_time and slot < entry.start_time) or (entry.expires and slot >= entry.expires):
        return None
    return slot


def latest_of_crontab(schedule: TzAwareCrontab, now: datetime) -> datetime | None:
    """The latest time of a crontab not after ``now``, in UTC; None if there is none within a year."""
    now = now.astimezone(schedule.tz)
    for back in _SEARCH_WINDOWS:
        latest, after = None, _next(schedule, now - back)
        while after <= now:
            latest, after = after, _next(schedule, after)
        if latest is not None:
            return latest.astimezone(UTC)
    return None


def _next(schedule: TzAwareCrontab, moment: datetime) -> datetime:
    """The first time of the crontab after ``moment``."""
    last, delta, _ = schedule.remaining_delta(moment, tz=schedule.tz)
    return last + delta


def _installed_at() -> datetime | None:
    """When the migration created the first entries of the schedule."""
    applied = MigrationRecorder.Migration.objects.filter(app="workers", name="0001_schedule")
    return applied.values_list("applied", flat=True).first()


def next_slot(entry: PeriodicTask, *, now: datetime) -> datetime | None:
    """When an entry is due next, in UTC; None if it is off, ends before, or there is no such date."""
    if not entry.enabled:
        return None
    begin = max(now, entry.start_time or now)
    slot = None
    try:
        if entry.crontab is not None:
            slot = _next(entry.crontab.schedule, begin.astimezone(entry.crontab.schedule.tz)).astimezone(UTC)
        elif entry.interval is not None:
            last = entry.last_run_at or entry.date_changed or begin
            slot = max(last + entry.interval.schedule.run_every, begin)
    except _UNREADABLE as error:
        logger.error("schedule_not_readable", entry=entry.name, reason=str(error))
    return None if slot is None or (entry.expires and slot >= entry.expires) else slot


def schedule_in_words(entry: PeriodicTask) -> str:
    """When an entry runs, such as "Every 5 minutes" or "At 03:00 AM UTC"."""
    if entry.crontab is not None:
        return str(entry.crontab.human_readable)
    if entry.interval is not None:
        every, period = entry.interval.every, str(entry.interval.period)
        return f"Every {every} {period}" if every != 1 else f"Every {period.removesuffix('s')}"
    return "Neither by a crontab nor by an interval"
