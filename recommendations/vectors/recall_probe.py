"""The latest measurement of the recall of vector search, for whatever shows it.

A measurement takes seconds with many movies, so that a task makes it and everybody else reads its result.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from django.core.cache import cache

from recommendations.models import ModelVersion
from recommendations.vectors.recall import measure_recall

_KEY = "index-recall"
# A result that is not renewed for a day says nothing about the index.
_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class RecallProbe:
    """recall: 0 to 1, on ``sampled`` movies of the version. measured_at: seconds since 1970."""

    version_id: int
    recall: float
    sampled: int
    measured_at: float


def recall_measure() -> RecallProbe | None:
    """Measures the live version and keeps the result; None without a live version or without factors.

    Raises RedisError if the result cannot be kept.
    """
    version_id = ModelVersion.objects.live().values_list("pk", flat=True).first()
    found = None if version_id is None else measure_recall(version_id=version_id)
    if version_id is None or found is None:
        cache.delete(_KEY)
        return None
    probe = RecallProbe(version_id, found.recall, found.sampled, time.time())
    cache.set(_KEY, asdict(probe), timeout=_SECONDS)
    return probe


def recall_latest() -> RecallProbe | None:
    """The latest measurement; None if there is none of the last day. One round trip. Raises RedisError."""
    kept = cache.get(_KEY)
    return None if kept is None else RecallProbe(**kept)
