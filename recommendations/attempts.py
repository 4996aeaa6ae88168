"""One attempt at a training: begun under the lock, owned while it writes, and what becomes of its row when it ends.

A row is tried TRAINING_MAX_ATTEMPTS times where the process, the database or the disk was at fault. Everything is
decided from the row, so that it does not matter what became of the message or the process that began the attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone
from redis.exceptions import RedisError

from recommendations.artefacts import artefacts_sweep, artefacts_whole
from recommendations.locks import LockLostError, close_broken_connection, session_lock, session_lock_held
from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.publishing import LOCK_LOST, version_drop, version_publish

logger = logging.getLogger(__name__)

Status = ModelVersion.Status

LOCK = "training"
# Whoever asked by hand waits for the answer and can ask again.
MANUAL = "manual"
CRASHED = "the process that trained it ended without finishing"
_DATABASE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, LockLostError)
# What may be gone when it is tried again: a service, room on the disk or in memory, a process told to end.
_TRANSIENT = (*_DATABASE, RedisError, OSError, MemoryError, SystemExit, KeyboardInterrupt)


class TrainingError(Exception):
    """A training could not start, or did not succeed. Says why in words for staff."""


class TrainingBusyError(TrainingError):
    """Another training is running."""


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed when it is begun again; an error counts with what it came from."""
    return _is_any(error, _TRANSIENT)


def _is_any(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kinds):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def retry_at(*, attempts: int, ended_at: datetime, pause: timedelta) -> datetime:
    """When the next attempt may begin: after the first at once, then after the pause, twice the pause, and so on."""
    return ended_at if attempts < 2 else ended_at + pause * 2 ** (attempts - 2)


def attempt_begin(*, version: ModelVersion | None, trigger: str) -> ModelVersion:
    """Begin an attempt at a requested version, or at a new one. Raises TrainingError if it does not wait."""
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
    """A transaction in which the attempt is still this process's: its row is as we left it, and the lock is ours.

    A connection that broke and was made again would otherwise write beside the process that took over. Raises
    LockLostError.
    """
    with transaction.atomic():
        row = (
            ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk).values_list("status", "attempts")
        )
        if row.first() != (version.status, version.attempts) or not session_lock_held(LOCK):
            raise LockLostError(LOCK_LOST)
        yield


def attempt_failed(*, version: ModelVersion, error: BaseException, reason: str) -> None:
    """After an attempt of this process: drop what it wrote, and let it wait for the next or say why it failed.

    A version that was trained to the end keeps everything where only the database went away: the next sweep publishes
    it. A database that stays away, or a lock that is another's by now, is left to whoever comes after.
    """
    transient = not isinstance(error, TrainingError) and is_transient(error)
    try:
        close_broken_connection()
        with session_lock(LOCK) as held:
            mine = ModelVersion.objects.filter(
                pk=version.pk, status__in=[Status.TRAINING, Status.READY], attempts=version.attempts
            ).first()
            if not held or mine is None or (mine.status == Status.READY and _is_any(error, _DATABASE)):
                return
            _end(mine, reason, retry=transient)
    except Exception:
        logger.exception("training_failure_not_recorded", extra={"version": version.pk})


def trainings_sweep(*, locked: bool = False) -> int:
    """Deal with attempts whose process is gone; says how many there were. Also removes model folders without an owner.

    Whoever trains holds the lock: if it is free (or ours, ``locked``), nobody trains. What was trained to the end is
    published; the rest waits for its next attempt or, with none left, is marked as failed.
    """
    if not locked:
        with session_lock(LOCK) as held:
            return trainings_sweep(locked=True) if held else 0
    orphans = list(ModelVersion.objects.filter(status__in=[Status.TRAINING, Status.READY]).order_by("pk"))
    for version in orphans:
        logger.error("training_crashed", extra={"version": version.pk, "status": version.status})
        if version.status == Status.READY:
            _publish_orphan(version)
        else:
            _end(version, CRASHED, retry=True)
    artefacts_sweep()
    return len(orphans)


def _publish_orphan(version: ModelVersion) -> None:
    """Publish what was trained to the end and passed the gate, unless a newer one is live or a part of it is gone."""
    # Not by their numbers: a version that is tried again keeps its own.
    newer = ModelVersion.objects.filter(status=Status.LIVE, started_at__gt=version.started_at).first()
    if newer is not None:
        _end(version, f"version {newer.pk}, which is newer, went live before it", retry=False)
        return
    # One that takes its process down each time it is published is not tried for ever.
    if version.attempts > settings.TRAINING_MAX_ATTEMPTS:
        _end(version, f"{CRASHED} each time it was published", retry=False)
        return
    # Rows and files were whole before it was marked as ready; what is gone was deleted since.
    if not MovieEmbedding.objects.filter(version=version).exists() or not artefacts_whole(version=version):
        _end(version, f"{CRASHED}, and what it wrote is gone", retry=True)
        return
    ModelVersion.objects.filter(pk=version.pk).update(attempts=F("attempts") + 1)
    try:
        version_publish(version=version, holding=LOCK)
    except LockLostError as error:
        raise TrainingBusyError(str(error)) from error
    except ValidationError as error:
        version.refresh_from_db()
        _end(version, " ".join(error.messages), retry=True)


def _end(version: ModelVersion, reason: str, *, retry: bool) -> None:
    """Drop what the attempt wrote; then it waits for its next attempt, or has failed. Left alone if it went live."""
    now = timezone.now()
    values: dict[str, object] = {"status": Status.FAILED, "error": reason[:2000], "finished_at": now}
    if retry and version.trigger != MANUAL:
        most = settings.TRAINING_MAX_ATTEMPTS
        told = f"Attempt {version.attempts} of {most}: {reason[:1800]}."
        if version.attempts < most:
            begins = retry_at(
                attempts=version.attempts, ended_at=now, pause=timedelta(minutes=settings.TRAINING_RETRY_MINUTES)
            )
            told += f" It is tried again, not before {begins:%H:%M} UTC."
            values = {"status": Status.REQUESTED, "not_before": begins, "stage": "waiting", "progress": 0.0}
        else:
            told += " It is not tried again by itself."
        values["error"] = told
    unpublished = ModelVersion.objects.filter(status__in=[Status.TRAINING, Status.READY])
    version_drop(version_id=version.pk, among=unpublished.all, **values)
    logger.error("training_attempt_ended", extra={"version": version.pk, "status": values["status"], "reason": reason})
