"""What keeps tables from growing for ever."""

from __future__ import annotations

from celery import shared_task

from accounts.services import tokens_flush_expired
from workers.base import BaseTask


@shared_task(base=BaseTask)
def flush_tokens() -> int:
    """Refresh tokens that have expired by themselves."""
    return tokens_flush_expired()
