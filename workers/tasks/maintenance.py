"""What keeps tables from growing for ever, and lists from being wrong."""

from __future__ import annotations

from celery import shared_task

from accounts.services import tokens_flush_expired
from events.announcements import changes_announce
from workers.base import BaseTask


@shared_task(base=BaseTask)
def flush_tokens() -> int:
    """Refresh tokens that have expired by themselves."""
    return tokens_flush_expired()


@shared_task(base=BaseTask)
def announce_changes() -> int:
    """Changes that were committed and that nobody announced."""
    return changes_announce()
