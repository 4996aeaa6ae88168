"""One attempt at a training: begin it under the lock, check that the lock is still held, end it.

A training that failed because the process, the database or the disk did is retried, up to TRAINING_MAX_ATTEMPTS
attempts. Its row alone decides what comes next, so a lost message or process changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone
from redis.exceptions import RedisError

from movies.db.advisory_locks import LockLostError, close_broken_connection, session_lock, session_lock_held
from recommendations.models import ModelVersion, MovieEmbedding, TrainingHeartbeat
from recommendations.training.publishing import LOCK_LOST, version_drop, version_publish, versions_prune
from recommendations.vectors.artefacts import artefacts_sweep, artefacts_whole

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status

LOCK = "training"
# Started by hand (manage.py train): never retried automatically.
MANUAL = "manual"
CRASHED = "the process that trained it ended without finishing"
_DATABASE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, LockLostError)
# Causes that a retry may cure: an unavailable service, a full disk or memory, a stopped process, a time limit.
_TRANSIENT = (*_DATABASE, RedisError, OSError, MemoryError, SystemExit, KeyboardInterrupt, SoftTimeLimitExceeded)
# For so long an attempt that ends waits for the lock of its own connection, which broke.
_CLOSING_SECONDS = 2.0


class TrainingError(Exception):
    """A training could not start or failed. The message is written for staff."""


class RetriableTrainingError(TrainingError):
    """A training failed for a reason that may have passed when it is tried again."""


class TrainingBusyError(TrainingError):
    """Another training is running."""


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed. Checks the error, its causes and its contexts."""
    return _is_any(error, _TRANSIENT)


def failure_reason(error: BaseException) -> str:
    """Why a training or tuning failed, for its row."""
    if isinstance(error, TrainingError):
        return str(error)
    if _is_any(error, (SoftTimeLimitExceeded,)):
        minutes = settings.CELERY_TASK_SOFT_TIME_LIMIT / 60
        return f"it ran for more than {minutes:.0f} minutes (TASK_TIME_LIMIT_SECONDS)"
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted (Ctrl-C)"
    return _folder_reason(error) or f"{type(error).__name__}: {error}"


def unwritable(name: str, folder: Path | str, error: OSError) -> str:
    """What to say about the folder of a setting that cannot be written."""
    return f"{name} ({folder}) cannot be written: {error.strerror or error}"


def _folder_reason(error: BaseException) -> str:
    """The setting whose folder the error is about, and what is wrong with it; empty for another error."""
    if not isinstance(error, OSError) or not error.filename or isinstance(error, FileNotFoundError):
        return ""
    for name in ("TRAINING_SPARK_FOLDER", "TRAINING_SCRATCH_DIR", "MODEL_DIR"):
        folder = getattr(settings, name)
        if folder and Path(os.fsdecode(error.filename)).is_relative_to(folder):
            return unwritable(name, folder, error)
    return ""


def _is_any(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kinds):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def retry_at(*, attempts: int, ended_at: datetime, pause: timedelta) -> datetime:
    """When the next attempt may begin: at once after the first, then after the pause, twice the pause, and so on."""
    return ended_at if attempts < 2 else ended_at + pause * 2 ** (attempts - 2)


def attempt_begin(*, version: ModelVersion | None, trigger: str) -> ModelVersion:
    """Begin an attempt for a requested version, or for a new one. Raises TrainingError if it is not requested."""
    now = timezone.now()
    if version is None:
        return ModelVersion.objects.create(status=Status.TRAINING, trigger=trigger, attempts=1, started_at=now)
    claimed = ModelVersion.objects.filter(pk=version.pk, status=Status.REQUESTED).update(
        status=Status.TRAINING, attempts=F("attempts") + 1, started_at=now, not_before=None
    )
    if not claimed:
        raise TrainingError(f"version {version.pk} does not wait to be trained")
    return ModelVersion.objects.get(pk=version.pk)


@contextmanager
def attempt_owned(version: ModelVersion) -> Iterator[None]:
    """A transaction that first checks that this process still owns the attempt: same row, same lock.

    Without the check, a process whose connection broke and was reopened would write at the same time as the process
    that took over. Raises LockLostError.
    """
    with transaction.atomic():
        row = (
            ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk).values_list("status", "attempts")
        )
        if row.first() != (version.status, version.attempts) or not session_lock_held(LOCK):
            raise LockLostError(LOCK_LOST)
        yield


def attempt_failed(*, version: ModelVersion, error: BaseException, reason: str) -> None:
    """End an attempt of this process: drop what it wrote; its row waits for the next attempt or records the failure.

    If the training was complete and only the database failed, everything is kept and the next sweep publishes it. While
    the database is unavailable, or another process holds the lock, ending the attempt is left to the next sweep.
    """
    is_known = isinstance(error, TrainingError)
    transient = isinstance(error, RetriableTrainingError) or (not is_known and is_transient(error))
    try:
        closed = close_broken_connection()
        with session_lock(LOCK, patience=_CLOSING_SECONDS if closed else 0.0) as held:
            mine = ModelVersion.objects.filter(
                pk=version.pk, status__in=[Status.TRAINING, Status.READY], attempts=version.attempts
            ).first()
            if not held or mine is None or (mine.status == Status.READY and _is_any(error, _DATABASE)):
                return
            attempt_end(mine, reason, retry=transient)
    except Exception:
        logger.exception("training_failure_not_recorded", version=version.pk)


def trainings_sweep(*, locked: bool = False) -> int:
    """End the attempts whose process is gone, and return how many there were. Then prune.

    A training process holds the lock, so if it is free (or ours, ``locked``) no training runs. A fully trained version
    is published; any other waits for its next attempt or, with none left, has failed. Pruning drops what earlier runs
    left of superseded versions, and model folders without a row.
    """
    if not locked:
        with session_lock(LOCK) as held:
            return trainings_sweep(locked=True) if held else 0
    orphans = list(ModelVersion.objects.filter(status__in=[Status.TRAINING, Status.READY]).order_by("pk"))
    for version in orphans:
        logger.error("training_crashed", version=version.pk, status=version.status)
        if version.status == Status.READY:
            _publish_orphan(version)
        else:
            attempt_end(version, _crash_reason(version), retry=True)
    versions_prune()
    artefacts_sweep()
    return len(orphans)


def _crash_reason(version: ModelVersion) -> str:
    """Names the time limit where the process showed until then that it lived: Celery kills it without a word."""
    last = TrainingHeartbeat.objects.filter(version=version).values_list("at", flat=True).first()
    limit = settings.CELERY_TASK_TIME_LIMIT
    # A heartbeat comes every ten seconds.
    until = timedelta(seconds=limit - 30)
    if version.trigger == MANUAL or last is None or version.started_at is None or last - version.started_at < until:
        return CRASHED
    return f"it was killed at the limit of {limit / 60:.0f} minutes (TASK_TIME_LIMIT_SECONDS)"


def _publish_orphan(version: ModelVersion) -> None:
    """Publish a trained version that passed the gate, unless a newer one is live or parts of it are missing."""
    # A higher number does not mean newer: a retried training keeps its number.
    newer = ModelVersion.objects.live().filter(started_at__gt=version.started_at).first()
    if newer is not None:
        attempt_end(version, f"version {newer.pk}, which is newer, went live before it", retry=False)
        return
    # Publishing itself may kill the process, so the attempts are limited.
    if version.attempts > settings.TRAINING_MAX_ATTEMPTS:
        attempt_end(version, f"{CRASHED} each time it was published", retry=False)
        return
    # Rows and files were complete when it became ready, so anything missing was deleted since.
    if not MovieEmbedding.objects.filter(version=version).exists() or not artefacts_whole(version=version):
        attempt_end(version, f"{CRASHED}, and what it wrote is gone", retry=True)
        return
    ModelVersion.objects.filter(pk=version.pk).update(attempts=F("attempts") + 1)
    try:
        version_publish(version=version, holding=LOCK)
    except LockLostError as error:
        raise TrainingBusyError(str(error)) from error
    except ValidationError as error:
        version.refresh_from_db()
        attempt_end(version, " ".join(error.messages), retry=True)


def attempt_end(version: ModelVersion, reason: str, *, retry: bool) -> None:
    """Drop what the attempt wrote; its row then waits for the next attempt or has failed. A live version is kept.

    Call it with the training lock held.
    """
    now = timezone.now()
    values: dict[str, object] = {"status": Status.FAILED, "error": reason[:2000], "finished_at": now}
    if retry and version.trigger != MANUAL:
        most = settings.TRAINING_MAX_ATTEMPTS
        text = f"Attempt {version.attempts} of {most}: {reason[:1800]}."
        if version.attempts < most:
            begins = retry_at(
                attempts=version.attempts, ended_at=now, pause=timedelta(minutes=settings.TRAINING_RETRY_MINUTES)
            )
            text += f" It is tried again, not before {begins:%H:%M} UTC."
            values = {"status": Status.REQUESTED, "not_before": begins, "stage": "waiting", "progress": 0.0}
        else:
            text += " It is not tried again by itself."
        values["error"] = text
    unpublished = ModelVersion.objects.filter(status__in=[Status.TRAINING, Status.READY])
    version_drop(version_id=version.pk, among=unpublished.all, **values)
    logger.error("training_attempt_ended", version=version.pk, status=values["status"], reason=reason)
