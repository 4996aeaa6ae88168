"""The log of served lists, read after what waits in Redis is written."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from events.models import ListImpression, ServedRecommendation
from events.served.entries import ServedList
from events.served.list_ids import list_id_new
from events.served.writer import Drained, served_drain


def drain() -> Drained:
    """Writes what waits in Redis."""
    return served_drain(seconds=30)


def served_lists() -> QuerySet[ServedRecommendation]:
    """All lists of the log, those that wait in Redis too."""
    drain()
    return ServedRecommendation.objects.all()


def impressions() -> QuerySet[ListImpression]:
    """All pages of the log that were shown, in the order of their times."""
    drain()
    return ListImpression.objects.order_by("shown_at", "start")


def a_list(user_id: int | None, movie_ids: Sequence[int] = (3, 1, 2), **fields: Any) -> ServedList:
    """A list that was served now, all of it shown."""
    values: dict[str, Any] = {
        "id": list_id_new(),
        "user_id": user_id,
        "endpoint": "recommendations",
        "model_version_id": 7,
        "movie_ids": movie_ids,
        "scores": [1 / place for place in range(1, len(movie_ids) + 1)],
        "sources": [0] * len(movie_ids),
        "count": len(movie_ids),
    }
    return ServedList(**{**values, **fields})


def list_id_at(moment: datetime) -> UUID:
    """The id of a list that was served at that moment."""
    milliseconds = round(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | list_id_new().int & ((1 << 80) - 1))
