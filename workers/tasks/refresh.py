"""Refreshes popular lists and movie vectors between trainings."""

from __future__ import annotations

from celery import shared_task

from recommendations.training.popular_movies import popular_refresh
from recommendations.vectors.refresh import embeddings_refresh
from workers.base import BaseTask


@shared_task(base=BaseTask)
def popular() -> int:
    """Recomputes the popular lists; returns how many rows they have."""
    return popular_refresh()


@shared_task(base=BaseTask)
def embeddings() -> int:
    """Computes the vectors of new and edited movies; returns how many movies."""
    return embeddings_refresh()
