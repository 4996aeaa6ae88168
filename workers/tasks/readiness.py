"""Counts what each movie lacks, for the admin."""

from __future__ import annotations

from celery import shared_task

from recommendations.training.readiness import readiness_count
from workers.base import BaseTask


@shared_task(base=BaseTask)
def count() -> int:
    """Counts each movie's ratings and places in lists; returns how many movies."""
    return readiness_count()
