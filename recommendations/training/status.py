"""The trainings that wait or run, for staff who follow them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.utils import timezone

from recommendations.models import ModelVersion
from recommendations.training.heartbeat import heartbeat_age

Status = ModelVersion.Status
# The finished trainings whose durations the next one is expected to take.
_MEASURED = 5
# Less says nothing of how long the rest takes.
_LEAST_PROGRESS = 0.02


@dataclass(frozen=True, slots=True)
class TrainingNow:
    """A training that waits or runs.

    progress: 0 to 1; seconds and remaining: None where they cannot be known; heartbeat: seconds since its process last
    showed that it lives, None while it waits.
    """

    version_id: int
    status: str
    stage: str
    progress: float
    attempts: int
    not_before: datetime | None
    error: str
    seconds: float | None
    remaining: float | None
    heartbeat: float | None


def trainings_now() -> list[TrainingNow]:
    """The trainings that wait or run, the oldest first. Two queries; one without any.

    The remaining time is that of the median of the last trainings; without any, what the progress so far leaves.
    """
    rows = list(
        ModelVersion.objects.filter(status__in=[Status.REQUESTED, Status.TRAINING, Status.READY])
        .select_related("heartbeat")
        .order_by("pk")
    )
    usual = _usual_seconds() if rows else None
    return [_now(row, usual) for row in rows]


def _now(row: ModelVersion, usual: float | None) -> TrainingNow:
    running = row.status != Status.REQUESTED and row.started_at is not None
    seconds = (timezone.now() - row.started_at).total_seconds() if running and row.started_at else None
    remaining = None
    if seconds is not None and usual is not None:
        remaining = max(0.0, usual - seconds)
    elif seconds is not None and row.progress > _LEAST_PROGRESS:
        remaining = seconds * (1 - row.progress) / row.progress
    return TrainingNow(
        row.pk,
        row.status,
        row.stage,
        row.progress,
        row.attempts,
        row.not_before,
        row.error,
        seconds,
        remaining,
        heartbeat_age(row),
    )


def _usual_seconds() -> float | None:
    ended = ModelVersion.objects.filter(
        status__in=[Status.LIVE, Status.RETIRED, Status.REFUSED], started_at__isnull=False, finished_at__isnull=False
    )
    times = ended.order_by("-pk").values_list("started_at", "finished_at")[:_MEASURED]
    seconds = [(finished - started).total_seconds() for started, finished in times if started and finished]
    return median(seconds) if seconds else None
