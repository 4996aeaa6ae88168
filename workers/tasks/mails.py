"""Mails about accounts."""

from __future__ import annotations

from celery import shared_task

from accounts.mails import mails_send
from workers.base import BaseTask


@shared_task(base=BaseTask)
def send() -> int:
    """Sends the mails that wait; returns how many were handled."""
    return mails_send()
