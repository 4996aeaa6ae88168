"""What is made anew between trainings."""

from __future__ import annotations

from celery import shared_task

from recommendations.training.popular_movies import popular_refresh
from recommendations.vectors.refresh import embeddings_refresh
from workers.base import BaseTask


@shared_task(base=BaseTask)
def popular() -> int:
    """The popular lists."""
    return popular_refresh()


@shared_task(base=BaseTask)
def embeddings() -> int:
    """Vectors of new and edited movies."""
    return embeddings_refresh()
