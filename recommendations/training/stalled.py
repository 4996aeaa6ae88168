"""Ends trainings that hang: they hold the training lock, so that no other training could begin."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.utils import timezone

from movies.db.advisory_locks import session_lock, session_lock_terminate
from recommendations.models import ModelVersion, TrainingHeartbeat
from recommendations.training.attempts import LOCK, attempt_end
from recommendations.training.heartbeat import stalled_after

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status
_PATIENCE_SECONDS = 10.0


def trainings_end_stalled() -> list[TrainingHeartbeat]:
    """End the trainings without a heartbeat for TRAINING_STALLED_MINUTES, and return the last heartbeat of each.

    Terminates the database session that holds the training lock for it, so that the process cannot write any more, even
    if it goes on; the version is tried again, as after a crash. A process that still exists is left to the caller.
    """
    now = timezone.now()
    stalled = TrainingHeartbeat.objects.select_related("version").filter(
        version__status__in=[Status.TRAINING, Status.READY], at__lt=now - stalled_after()
    )
    ended = []
    for last in stalled.order_by("pk"):
        terminated = session_lock_terminate(LOCK, backend=last.backend)
        if terminated:
            logger.error("training_stalled", version=last.version_id, process=last.process, heartbeat=last.at)
            ended.append(last)
        # Without a session the process is gone, and the trainer's next sweep ends the attempt.
        if terminated and last.version.status == Status.TRAINING:
            _end(last, now - last.at)
    return ended


def _end(last: TrainingHeartbeat, silent: timedelta) -> None:
    """End the attempt, unless another process has the lock by now, which sweeps it itself."""
    with session_lock(LOCK, patience=_PATIENCE_SECONDS) as held:
        version = ModelVersion.objects.filter(pk=last.version_id, status=Status.TRAINING).first()
        if held and version is not None:
            minutes = silent.total_seconds() / 60
            reason = f"its process ({last.process}) gave no sign of life for {minutes:.0f} minutes"
            attempt_end(version, reason, retry=True)
