"""The log of served lists."""

from __future__ import annotations

from celery import shared_task

from events.served.partitions import partitions_prepare, partitions_prune
from events.served.writer import served_drain
from workers.base import BaseTask


@shared_task(base=BaseTask)
def drain() -> str:
    """Writes the log of served lists into PostgreSQL; returns what was done."""
    return str(served_drain())


@shared_task(base=BaseTask)
def partitions() -> int:
    """Makes the partitions of the months to come and drops those that are over; returns how many."""
    return len(partitions_prepare()) + len(partitions_prune())
