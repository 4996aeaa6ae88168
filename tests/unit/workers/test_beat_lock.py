"""Of two beats one schedules; what was missed is sent once, and said."""

from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from structlog.testing import capture_logs

from movies.db import advisory_locks as locks
from recsys_project.celery import app
from tests.functional.web_server import running_database_url
from workers import beat_lock
from workers.beat import STANDBY_SECONDS, Scheduler
from workers.beat_lock import LOCK, BeatLock

pytestmark = pytest.mark.django_db(transaction=True)
TASK = "workers.tasks.mails.send"


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """The names of the tasks that beat sends, instead of messages."""
    names: list[str] = []
    monkeypatch.setattr(Scheduler, "apply_async", lambda self, entry, **given: names.append(entry.name))
    monkeypatch.setattr(beat_lock, "_CHECK_SECONDS", 0)
    return names


@pytest.fixture
def entry():
    """One entry, every ten seconds, that ran an hour ago."""
    PeriodicTask.objects.all().delete()
    seconds, _ = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    at = timezone.now() - timedelta(hours=1)
    return PeriodicTask.objects.create(name="Mails", task=TASK, interval=seconds, last_run_at=at, total_run_count=9)


@pytest.fixture
def beat(entry):
    """A beat that is closed at the end, before the database is emptied."""
    scheduler = Scheduler(app=app)
    yield scheduler
    scheduler._finalize.cancel()
    scheduler._lock.release()


@pytest.fixture
def other_beat():
    """The session of another beat, which has the lock."""
    with psycopg.connect(running_database_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key(LOCK)])
        yield other


def ticks(beat: Scheduler, number: int = 3) -> list[float]:
    return [beat.tick() for _ in range(number)]


def test_a_second_beat_sends_nothing_and_says_so_once(other_beat, beat, sent):
    with capture_logs() as logs:
        assert ticks(beat) == [STANDBY_SECONDS] * 3

    assert sent == []
    assert [line["event"] for line in logs if line["event"].startswith("beat")] == ["beat_skipped"]


def test_it_takes_over_when_the_first_one_ends(other_beat, beat, sent, entry):
    ticks(beat)
    # What the other beat did meanwhile.
    PeriodicTask.objects.filter(pk=entry.pk).update(last_run_at=timezone.now())
    other_beat.close()

    ticks(beat)
    assert sent == []

    PeriodicTask.objects.filter(pk=entry.pk).update(last_run_at=timezone.now() - timedelta(minutes=1))
    beat._initial_read, beat._heap = True, None
    ticks(beat)
    assert sent == ["Mails"]


def test_a_missed_run_is_sent_once_and_said(beat, sent):
    with capture_logs() as logs:
        ticks(beat)

    assert sent == ["Mails"]
    (missed,) = [line for line in logs if line["event"] == "missed_run_made_up"]
    assert (missed["entry"], round(missed["late_seconds"], -2)) == ("Mails", 3600)


def test_a_beat_whose_connection_ended_schedules_no_more(beat, sent, entry):
    ticks(beat)
    PeriodicTask.objects.filter(pk=entry.pk).update(last_run_at=timezone.now() - timedelta(minutes=1))
    beat._initial_read, beat._heap = True, None
    with psycopg.connect(running_database_url(), autocommit=True) as other:
        pid = beat._lock._connection.info.backend_pid
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key(LOCK)])

        assert ticks(beat) == [STANDBY_SECONDS] * 3

    assert sent == ["Mails"]


def test_two_locks_are_never_held_at_once(monkeypatch, db):
    monkeypatch.setattr(beat_lock, "_CHECK_SECONDS", 0)
    first, second = BeatLock(), BeatLock()
    try:
        assert [first.held(), second.held(), first.held()] == [True, False, True]
        first.release()
        assert [second.held(), first.held()] == [True, False]
    finally:
        first.release()
        second.release()
