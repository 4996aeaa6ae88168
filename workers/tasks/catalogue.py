"""Large merges and deletions of movies."""

from __future__ import annotations

from celery import shared_task

from movies.deletion.services import deletions_run
from movies.merging.services import merges_run_waiting
from workers.base import BaseTask


@shared_task(base=BaseTask)
def run_waiting() -> int:
    """Runs merges that wait and continues deletions; returns how many merges ran and rows were deleted."""
    return merges_run_waiting() + deletions_run()
