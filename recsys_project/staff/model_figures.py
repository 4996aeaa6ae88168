"""The dashboard's figures of models: the live version, quality over versions, and the last nights."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from recommendations.models import ModelVersion
from recommendations.training.comparison import quality_series, version_point
from recommendations.training.status import TrainingNow, trainings_now

Status = ModelVersion.Status
SHOWN_VERSIONS = 30
SHOWN_NIGHTS = 14
# Verdicts in words that fit under a bar.
_VERDICTS = {
    Status.REQUESTED: "waiting",
    Status.TRAINING: "training",
    Status.READY: "ready",
    Status.LIVE: "live",
    Status.RETIRED: "was live",
    Status.REFUSED: "refused",
    Status.FAILED: "failed",
}


def model_figures() -> dict[str, Any]:
    """The live version and the newest ones. Four queries at most."""
    now = timezone.now()
    columns = ModelVersion.objects.defer("hyperparameters", "artefacts", "serving")
    versions = list(columns[:SHOWN_VERSIONS])
    live = next((version for version in versions if version.status == Status.LIVE), None) or columns.live().first()
    points = [point for version in reversed(versions) if (point := version_point(version)) is not None]
    return {
        "live": None if live is None else _live(live, now),
        "training": [_progress(training, now) for training in trainings_now()],
        "quality": quality_series(points),
        "nights": [_night(version) for version in versions[:SHOWN_NIGHTS]],
    }


def _live(version: ModelVersion, now: datetime) -> dict[str, Any]:
    point = version_point(version)
    quality, popularity = (point.value, point.popularity) if point else (None, None)
    return {
        "id": version.pk,
        "since": version.live_at or version.finished_at or version.created_at,
        "trained": version.finished_at or version.created_at,
        "age_hours": (now - (version.finished_at or version.created_at)).total_seconds() / 3600,
        "quality": quality,
        "popularity": popularity,
        "gain_percent": f"{quality / popularity - 1:+.0%}" if quality and popularity else "",
        "people": version.people,
        "movies": version.movies,
        "interactions": version.interactions,
        "overruled": version.refusal,
    }


def _night(version: ModelVersion) -> dict[str, Any]:
    """One training: when, how long (minutes), its verdict and the reason."""
    return {
        "id": version.pk,
        "trigger": version.trigger,
        "created": version.created_at,
        "minutes": _minutes(version.started_at, version.finished_at),
        "verdict": _VERDICTS[Status(version.status)],
        "reason": version.refusal or version.error,
        "attempts": version.attempts,
    }


def _progress(training: TrainingNow, now: datetime) -> dict[str, Any]:
    """A training that waits or runs, with the time it is likely to end or to start."""
    left = training.remaining
    return {
        "id": training.version_id,
        "state": _VERDICTS[Status(training.status)],
        "stage": training.stage,
        "progress": training.progress,
        "attempts": training.attempts,
        "cause": training.error,
        "starts": training.not_before if training.status == Status.REQUESTED else None,
        "ends": None if left is None else now + timedelta(seconds=left),
    }


def _minutes(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() / 60 if start and end else None
