"""Watches the live version after it was published."""

from __future__ import annotations

from celery import shared_task

from recommendations.training.watch import version_watch
from workers.base import BaseTask


@shared_task(base=BaseTask)
def hourly() -> int | None:
    """Compares the live version with the days before it; returns the version that it rolled back to, if it did."""
    restored = version_watch()
    return None if restored is None else restored.pk
