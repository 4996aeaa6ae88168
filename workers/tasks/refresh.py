"""What is made anew between trainings."""

from __future__ import annotations

from celery import shared_task

from recommendations.embeddings import embeddings_refresh
from recommendations.popularity import popular_refresh
from workers.base import BaseTask


@shared_task(base=BaseTask)
def popular() -> int:
    """The popular lists."""
    return popular_refresh()


@shared_task(base=BaseTask)
def embeddings() -> int:
    """Vectors of new and edited movies."""
    return embeddings_refresh()
