"""Attributes events to the lists that were shown, and counts the statistics."""

from __future__ import annotations

from celery import shared_task

from events.attribution.services import statistics_close_days, statistics_refresh
from workers.base import BaseTask


@shared_task(base=BaseTask)
def hourly() -> int:
    """Counts the hours that changed; returns how many. 0 if another run is on."""
    refreshed = statistics_refresh()
    return refreshed.hours if refreshed else 0


@shared_task(base=BaseTask)
def nightly() -> int:
    """Reads the last three days again, counts the past days that changed, and drops old rows; returns how many days."""
    refreshed = statistics_close_days()
    return refreshed.days if refreshed else 0
