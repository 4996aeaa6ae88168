"""Refreshes popular lists and movie vectors between trainings."""

from __future__ import annotations

from celery import shared_task

from recommendations.training.popular_movies import popular_refresh
from recommendations.vectors.refresh import embeddings_refresh
from workers.base import BaseTask


@shared_task(base=BaseTask)
def popular() -> int:
    """Recomputes the popular lists; returns what ``popular_refresh`` does."""
    return popular_refresh()


@shared_task(base=BaseTask)
def embeddings() -> int:
    """Computes the vectors of new and edited movies; returns what ``embeddings_refresh`` does."""
    return embeddings_refresh()
