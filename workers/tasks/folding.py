"""Folds the day's feedback into the lists of people who were active."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from recommendations.training.folding import lists_fold
from workers.base import BaseTask


@shared_task(base=BaseTask)
def hourly() -> str:
    """Folds what people did into their lists of the live version, where FOLD_LISTS is on; returns what it did."""
    return str(lists_fold()) if settings.FOLD_LISTS else "off (FOLD_LISTS)"
