"""Maintenance: deletes expired tokens and announces changes that were missed."""

from __future__ import annotations

from celery import shared_task

from accounts.groups.services import groups_flush
from accounts.mails import mails_flush
from accounts.signins import tokens_flush_expired
from events.announcements import changes_announce
from events.taste.services import taste_imports_flush
from recommendations.serving.group_lists import group_lists_flush
from workers.base import BaseTask


@shared_task(base=BaseTask)
def flush_tokens() -> int:
    """Deletes expired tokens, links and taste imports, and groups that ended, with their lists; returns how many."""
    return tokens_flush_expired() + mails_flush() + groups_flush() + group_lists_flush() + taste_imports_flush()


@shared_task(base=BaseTask)
def announce_changes() -> int:
    """Invalidates caches for committed changes that were not announced; returns how many."""
    return changes_announce()
