"""The heartbeat of a training: a thread writes every few seconds that its process lives.

The training lock says whether the process that trains exists; one that was stopped, or hangs, holds it all the same.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from recommendations.models import ModelVersion, TrainingHeartbeat

logger = structlog.get_logger(__name__)

_MAX_SECONDS = 10.0
# Heartbeats that may be lost before a training counts as hanging.
_PER_LIMIT = 6
# A heartbeat may hang as well, with a database that is away.
_JOIN_SECONDS = 2


def stalled_after() -> timedelta:
    """The age of the last heartbeat from which a training hangs."""
    return timedelta(minutes=settings.TRAINING_STALLED_MINUTES)


def heartbeat_age(version: ModelVersion) -> float | None:
    """Seconds since the process that trains a version last showed that it lives; None if none trains or publishes it.

    One query, unless the version was selected with its heartbeat.
    """
    last = getattr(version, "heartbeat", None)
    if last is None or version.status not in (ModelVersion.Status.TRAINING, ModelVersion.Status.READY):
        return None
    return max(0.0, (timezone.now() - last.at).total_seconds())


@contextmanager
def heartbeat(version: ModelVersion, *, task_id: str = "") -> Iterator[None]:
    """Notes this process as the one that trains, then that it lives, until the block ends.

    Call it with the training lock held. task_id: the Celery task that runs the training, if one does.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    values = {
        "at": timezone.now(),
        "process": f"{socket.gethostname()}, process {os.getpid()}"[:120],
        "backend": backend,
        "task_id": task_id,
    }
    TrainingHeartbeat.objects.update_or_create(version_id=version.pk, defaults=values)
    stop = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(version.pk, backend, stop), name=f"heartbeat of version {version.pk}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_JOIN_SECONDS)


def _beat(version_id: int, backend: int, stop: threading.Event) -> None:
    seconds = min(_MAX_SECONDS, stalled_after().total_seconds() / _PER_LIMIT)
    failed = False
    while not stop.wait(seconds):
        try:
            # Another process may have taken over.
            TrainingHeartbeat.objects.filter(version_id=version_id, backend=backend).update(at=timezone.now())
            failed = False
        except Exception as error:  # The training itself finds out whether the database is away.
            if not failed:
                logger.warning("heartbeat_not_written", version=version_id, reason=str(error))
            failed = True
        finally:
            connection.close()
