"""Watches the live version after it was published, and the training that runs."""

from __future__ import annotations

from celery import current_app, shared_task

from recommendations.training.stalled import trainings_end_stalled
from recommendations.training.watch import version_watch
from workers.base import BaseTask


@shared_task(base=BaseTask)
def hourly() -> int | None:
    """Compares the live version with the days before it; returns the version that it rolled back to, if it did."""
    restored = version_watch()
    return None if restored is None else restored.pk


@shared_task(base=BaseTask)
def trainings() -> int:
    """Ends trainings that hang; returns how many. Kills their processes, so that the trainer can begin again."""
    ended = trainings_end_stalled()
    for last in ended:
        if last.task_id:
            current_app.control.revoke(last.task_id, terminate=True, signal="SIGKILL")
    return len(ended)
