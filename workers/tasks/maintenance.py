"""Maintenance: deletes expired tokens, announces changes that were missed, and measures the vector index."""

from __future__ import annotations

from celery import shared_task

from accounts.groups.services import groups_flush
from accounts.mails import mails_flush
from accounts.signins import tokens_flush_expired
from events.announcements import changes_announce
from events.taste.services import taste_imports_flush
from recommendations.serving.group_lists import group_lists_flush
from recommendations.vectors.recall_probe import recall_measure
from workers.base import BaseTask


@shared_task(base=BaseTask)
def flush_tokens() -> int:
    """Deletes expired tokens, links and taste imports, and groups that ended, with their lists; returns how many."""
    return tokens_flush_expired() + mails_flush() + groups_flush() + group_lists_flush() + taste_imports_flush()


@shared_task(base=BaseTask)
def announce_changes() -> int:
    """Invalidates caches for committed changes that were not announced; returns how many."""
    return changes_announce()


@shared_task(base=BaseTask)
def measure_recall() -> float | None:
    """Measures how many of the nearest movies vector search finds, for /metrics; returns the share, 0 to 1."""
    probe = recall_measure()
    return None if probe is None else probe.recall
