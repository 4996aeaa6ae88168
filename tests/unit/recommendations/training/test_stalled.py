"""A training that hangs: it holds the lock, and its heartbeat grows old."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone

from movies.db import advisory_locks as locks
from recommendations.models import BatchRecommendation, ModelVersion, TrainingHeartbeat
from recommendations.training import attempts, heartbeat, nightly
from recommendations.training import services as training
from recommendations.training.stalled import trainings_end_stalled
from tests.factories import make_user, make_version
from tests.functional.web_server import running_database_url

Status = ModelVersion.Status
pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def another_process() -> Iterator[psycopg.Connection]:
    """A session of the database that holds the training lock, and is idle."""
    with psycopg.connect(running_database_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key(attempts.LOCK)])
        yield other


def training_of(other: psycopg.Connection, *, silent: timedelta, **fields) -> ModelVersion:
    """A version that the other session trains, whose last heartbeat is so old."""
    started = timezone.now() - timedelta(hours=1)
    given = {"status": Status.TRAINING, "trigger": "nightly", "attempts": 1, "started_at": started} | fields
    version = make_version(**given)
    at = timezone.now() - silent
    backend = other.info.backend_pid
    TrainingHeartbeat.objects.create(version=version, at=at, process="there, process 7", backend=backend, task_id="t")
    return version


def is_open(other: psycopg.Connection) -> bool:
    try:
        other.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def test_a_silent_training_is_ended_and_tried_again():
    live = make_version(Status.LIVE)
    with another_process() as other:
        version = training_of(other, silent=timedelta(minutes=7))
        BatchRecommendation.objects.create(version=version, user=make_user(), movie_ids=[], scores=[])

        ended = trainings_end_stalled()

        assert [(last.version_id, last.task_id) for last in ended] == [(version.pk, "t")]
        assert not is_open(other)
    version.refresh_from_db()
    assert (version.status, version.attempts) == (Status.REQUESTED, 1)
    assert "its process (there, process 7) gave no sign of life for 7 minutes" in version.error
    assert not BatchRecommendation.objects.filter(version=version).exists()
    assert ModelVersion.objects.live().get() == live
    assert trainings_end_stalled() == []


def test_after_the_last_attempt_a_silent_training_has_failed(settings):
    with another_process() as other:
        version = training_of(other, silent=timedelta(minutes=7), attempts=settings.TRAINING_MAX_ATTEMPTS)
        trainings_end_stalled()

    version.refresh_from_db()
    assert version.status == Status.FAILED
    assert "It is not tried again by itself." in version.error


def test_a_training_that_gives_signs_of_life_goes_on():
    with another_process() as other:
        version = training_of(other, silent=timedelta(minutes=4))

        assert trainings_end_stalled() == []
        assert is_open(other)
    version.refresh_from_db()
    assert version.status == Status.TRAINING


def test_a_session_without_the_lock_is_left_alone():
    with psycopg.connect(running_database_url(), autocommit=True) as other:
        version = training_of(other, silent=timedelta(hours=1))

        assert trainings_end_stalled() == []
        assert is_open(other)
    version.refresh_from_db()
    assert version.status == Status.TRAINING


def test_a_silent_publication_is_published_later():
    with another_process() as other:
        version = training_of(other, silent=timedelta(minutes=7), status=Status.READY)

        assert len(trainings_end_stalled()) == 1
        assert not is_open(other)
    version.refresh_from_db()
    assert version.status == Status.READY


def test_the_heartbeat_beats_while_a_training_computes(settings):
    settings.TRAINING_STALLED_MINUTES = 0.005
    version = make_version(Status.TRAINING)

    with locks.session_lock(attempts.LOCK), heartbeat.heartbeat(version, task_id="one"):
        first = TrainingHeartbeat.objects.get(version=version)
        deadline = timezone.now() + timedelta(seconds=20)
        while TrainingHeartbeat.objects.get(version=version).at == first.at and timezone.now() < deadline:
            threading.Event().wait(0.02)
        last = TrainingHeartbeat.objects.get(version=version)

    assert last.at > first.at
    assert (last.task_id, last.backend) == ("one", connection.connection.info.backend_pid)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("heartbeat of")]


def test_a_training_at_its_soft_limit_says_so_and_is_tried_again(monkeypatch, settings):
    settings.CELERY_TASK_SOFT_TIME_LIMIT = 5400
    version = nightly.training_request(trigger="admin")

    def interrupted(*args, **kwargs):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(training, "interactions_read", interrupted)
    with pytest.raises(training.TrainingError, match="more than 90 minutes"):
        training.training_run(version=version)

    version.refresh_from_db()
    assert (version.status, version.attempts) == (Status.REQUESTED, 1)
    assert "it ran for more than 90 minutes (TASK_TIME_LIMIT_SECONDS)" in version.error


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [(89.9, "it was killed at the limit of 90 minutes (TASK_TIME_LIMIT_SECONDS)"), (40, attempts.CRASHED)],
)
def test_a_training_killed_at_the_hard_limit_says_so(settings, minutes, reason):
    settings.CELERY_TASK_TIME_LIMIT = 5400
    started = timezone.now() - timedelta(hours=5)
    version = make_version(Status.TRAINING, trigger="nightly", attempts=1, started_at=started)
    at = started + timedelta(minutes=minutes)
    TrainingHeartbeat.objects.create(version=version, at=at, process="there, process 7", backend=7)

    attempts.trainings_sweep()

    version.refresh_from_db()
    assert version.status == Status.REQUESTED
    assert version.error.startswith(f"Attempt 1 of 3: {reason}.")


def test_a_statement_that_a_limit_interrupts_keeps_no_lock():
    def limit(*args):
        raise SoftTimeLimitExceeded

    with psycopg.connect(running_database_url(), autocommit=True) as other:
        with pytest.raises(SoftTimeLimitExceeded), locks.session_lock(attempts.LOCK):
            _interrupted("SELECT pg_sleep(60)", limit)
        # PostgreSQL ends a closed session in a moment; the statement would hold the lock for a minute.
        deadline = timezone.now() + timedelta(seconds=20)
        while holders(other) and timezone.now() < deadline:
            threading.Event().wait(0.02)
        assert holders(other) == 0


def holders(other: psycopg.Connection) -> int:
    """How many sessions hold locks of the project."""
    statement = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
    return other.execute(statement, [locks._NAMESPACE]).fetchone()[0]


def _interrupted(statement: str, handler) -> None:
    """Runs a statement that a signal interrupts, as Celery's soft limit does."""
    before = signal.signal(signal.SIGUSR1, handler)
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1))
    timer.start()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
