"""What is due is decided from the table: which night, which request, which attempt."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import OperationalError
from django.utils import timezone

from events.models import Rating
from movies.db import advisory_locks as locks
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.training import attempts, list_writing, nightly, publishing
from recommendations.training import services as training
from recommendations.training.attempts import retry_at, trainings_sweep
from recommendations.training.nightly import training_request, training_run_due
from recommendations.vectors.artefacts import artefacts_whole
from tests.factories import make_user, make_version

Status = ModelVersion.Status
SLOT = datetime(2026, 5, 10, 3, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def tonight() -> datetime:
    return timezone.now() - MINUTE


@pytest.mark.parametrize(
    ("tried", "minutes"), [(1, 0), (2, 5), (3, 10), (4, 20)], ids=["at once", "pause", "twice", "four times"]
)
def test_the_pause_grows_with_each_attempt(tried, minutes):
    assert retry_at(attempts=tried, ended_at=SLOT, pause=5 * MINUTE) == SLOT + minutes * MINUTE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("terminating connection"), True),
        (psycopg.OperationalError("the connection is closed"), True),
        (locks.LockLostError(), True),
        (OSError("the disk is full"), True),
        (MemoryError(), True),
        (ValueError("NaN"), False),
        (training.TrainingError("nothing to train on"), False),
    ],
)
def test_what_a_retry_may_cure(error, expected):
    assert attempts.is_transient(error) is expected


def test_an_error_counts_with_what_it_came_from():
    error = RuntimeError("could not write")
    error.__context__ = OperationalError("gone")

    assert attempts.is_transient(error)


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"status": "live", "started_at": SLOT - 24 * HOUR, "created_at": SLOT - 24 * HOUR}, True),
        ({"status": "live", "started_at": SLOT + HOUR, "trigger": "manual"}, False),
        ({"status": "live", "started_at": SLOT - HOUR, "trigger": "manual"}, True),
        ({"status": "retired", "created_at": SLOT - 6 * HOUR, "trigger": "nightly"}, False),
        ({"status": "failed", "scheduled_for": SLOT}, False),
        ({"status": "refused", "scheduled_for": SLOT}, False),
        ({"status": "failed", "scheduled_for": SLOT - 24 * HOUR}, True),
        ({"status": "failed", "started_at": SLOT + HOUR, "trigger": "manual"}, True),
        ({"status": "requested"}, False),
    ],
)
def test_when_the_night_is_due(db, fields, due):
    make_version(**{"created_at": SLOT - 100 * HOUR, **fields})

    version = nightly.night_request(slot=SLOT)

    assert (version is not None) is due
    assert ModelVersion.objects.count() == 1 + due


def test_the_night_is_trained_once_however_often_it_is_checked(world):
    slot = tonight()

    first = training_run_due(slot=slot)

    assert (first.status, first.trigger, first.scheduled_for) == (Status.LIVE, "nightly", slot)
    assert training_run_due(slot=slot) is None
    assert ModelVersion.objects.get() == first


def test_a_night_missed_by_days_is_made_up_by_one_training(world):
    slot = timezone.now() - timedelta(days=4)

    assert training_run_due(slot=slot).status == Status.LIVE
    assert training_run_due(slot=slot) is None
    assert training_run_due(slot=None) is None


def test_nothing_to_train_on_is_not_tried_again_that_night(db):
    slot = tonight()
    with pytest.raises(training.TrainingError, match="nothing to train on"):
        training_run_due(slot=slot)

    assert training_run_due(slot=slot) is None
    version = ModelVersion.objects.get()
    assert (version.status, version.attempts) == (Status.FAILED, 1)
    assert "Attempt" not in version.error


def test_a_refused_night_is_not_tried_again(world):
    live = training.training_run()
    Rating.objects.exclude(user__in=world.people[:4]).delete()
    ModelVersion.objects.update(started_at=timezone.now() - 2 * HOUR)
    slot = tonight()

    assert training_run_due(slot=slot).status == Status.REFUSED

    assert training_run_due(slot=slot) is None
    assert ModelVersion.objects.get(status=Status.LIVE) == live


def test_two_trainings_do_not_run_at_once(another_process_trains, committed_world):
    running = make_version(Status.TRAINING)

    with pytest.raises(training.TrainingBusyError):
        training.training_run()
    assert trainings_sweep() == 0
    assert training_run_due(slot=tonight()) is None

    assert list(ModelVersion.objects.values_list("pk", "status")) == [(running.pk, Status.TRAINING)]


@pytest.mark.parametrize("trigger", ["nightly", "admin"])
def test_a_training_whose_process_died_is_begun_again(another_process_trains, committed_world, trigger):
    crashed = make_version(Status.TRAINING, trigger=trigger, attempts=1)
    BatchRecommendation.objects.create(version=crashed, user=committed_world.people[0], movie_ids=[1], scores=[1.0])
    another_process_trains()

    trainings_sweep()
    crashed.refresh_from_db()
    assert (crashed.status, crashed.attempts) == (Status.REQUESTED, 1)
    assert crashed.error.startswith(f"Attempt 1 of 3: {attempts.CRASHED}. It is tried again")
    assert not BatchRecommendation.objects.exists()

    assert training_run_due(slot=None) == crashed
    crashed.refresh_from_db()
    assert (crashed.status, crashed.attempts, crashed.error) == (Status.LIVE, 2, "")
    assert BatchRecommendation.objects.filter(version=crashed).count() == 12


def test_attempts_end_and_the_row_says_so(world, settings):
    crashed = make_version(Status.TRAINING, trigger="admin", attempts=settings.TRAINING_MAX_ATTEMPTS)

    assert training_run_due(slot=None) is None

    crashed.refresh_from_db()
    assert crashed.status == Status.FAILED
    assert crashed.error.endswith("It is not tried again by itself.")
    assert training_run_due(slot=None) is None


def test_an_attempt_waits_for_its_pause_unless_staff_ask(world):
    waiting = make_version(Status.REQUESTED, trigger="nightly", attempts=2, not_before=timezone.now() + HOUR)

    assert training_run_due(slot=tonight()) is None
    assert ModelVersion.objects.get() == waiting

    assert training_request(trigger="admin") == waiting
    assert training_run_due(slot=None) == waiting


def test_a_training_by_hand_that_died_is_not_begun_again(world):
    crashed = make_version(Status.TRAINING, trigger="manual", attempts=1)

    trainings_sweep()

    crashed.refresh_from_db()
    assert (crashed.status, crashed.error) == (Status.FAILED, attempts.CRASHED)


def test_a_training_requested_twice_is_run_once(world):
    stan = make_user(is_staff=True)
    first = training_request(trigger="admin", requested_by=stan)
    assert training_request(trigger="admin") == first

    done = training_run_due(slot=None)

    assert done == first
    first.refresh_from_db()
    assert (first.status, first.trigger, first.requested_by) == (Status.LIVE, "admin", stan)
    assert training_run_due(slot=None) is None
    with pytest.raises(training.TrainingError, match="does not wait"):
        training.training_run(version=first)
    first.refresh_from_db()
    assert first.status == Status.LIVE


def trained_not_published(monkeypatch, trigger: str = "nightly") -> ModelVersion:
    """What a process leaves that is killed between training and publishing."""
    with monkeypatch.context() as patched:
        patched.setattr(training, "version_publish", lambda version, **options: version)
        return training.training_run(trigger=trigger)


def test_a_version_trained_to_the_end_is_published_by_the_sweep(world, monkeypatch):
    ready = trained_not_published(monkeypatch)
    ModelVersion.objects.update(scheduled_for=tonight())

    assert training_run_due(slot=ModelVersion.objects.get().scheduled_for) is None

    version = ModelVersion.objects.get()
    assert (version.pk, version.status) == (ready.pk, Status.LIVE)
    assert BatchRecommendation.objects.filter(version=version).count() == 12


def test_an_orphan_older_than_the_live_version_is_dropped(world, monkeypatch):
    ready = trained_not_published(monkeypatch)
    live = make_version(Status.LIVE, started_at=timezone.now())

    trainings_sweep()

    ready.refresh_from_db()
    assert ready.status == Status.FAILED
    assert f"version {live.pk}, which is newer" in ready.error
    assert not MovieEmbedding.objects.filter(version=ready).exists()
    assert ModelVersion.objects.get(status=Status.LIVE) == live


def test_an_orphan_newer_than_the_live_version_is_published(world, monkeypatch):
    ready = trained_not_published(monkeypatch)
    live = make_version(Status.LIVE, started_at=timezone.now() - HOUR)
    assert live.pk > ready.pk

    trainings_sweep()

    assert ModelVersion.objects.get(status=Status.LIVE) == ready


def test_an_orphan_that_is_not_whole_is_trained_again(world, monkeypatch, settings):
    ready = trained_not_published(monkeypatch)
    next((settings.MODEL_DIR / str(ready.pk)).iterdir()).unlink()

    version = training_run_due(slot=None)

    assert (version.pk, version.status, version.attempts) == (ready.pk, Status.LIVE, 2)


def test_an_orphan_without_rows_is_trained_again(world, monkeypatch):
    ready = trained_not_published(monkeypatch)
    MovieEmbedding.objects.filter(version=ready).delete()

    assert training_run_due(slot=None) == ready
    assert MovieEmbedding.objects.filter(version=ready).count() == 16


def test_an_orphan_that_cannot_be_published_is_given_up(world, monkeypatch, settings):
    ready = trained_not_published(monkeypatch)
    ModelVersion.objects.filter(pk=ready.pk).update(attempts=settings.TRAINING_MAX_ATTEMPTS + 1)

    trainings_sweep()

    ready.refresh_from_db()
    assert ready.status == Status.FAILED
    assert ready.error == f"{attempts.CRASHED} each time it was published"


def test_what_staff_make_live_as_its_attempt_fails_stays_live(world, monkeypatch):
    """Published by somebody else between the failure and the moment at which its rows would be dropped."""
    real = attempts.attempt_end

    def fails(**_):
        raise OSError("the disk is full")

    def made_live_first(version, reason, *, retry):
        publishing.version_publish(version=version)
        real(version, reason, retry=retry)

    with monkeypatch.context() as patched:
        patched.setattr(training, "version_publish", fails)
        patched.setattr(attempts, "attempt_end", made_live_first)
        with pytest.raises(training.TrainingError, match="the disk is full"):
            training.training_run()

    version = ModelVersion.objects.get()
    assert (version.status, version.error) == (Status.LIVE, "")
    assert BatchRecommendation.objects.filter(version=version).count() == 12
    assert artefacts_whole(version=version)


@pytest.mark.parametrize("stage", ["interactions_read", "lists_write", "embeddings_write", "artefacts_save"])
def test_a_back_end_ended_half_way_is_made_up_by_the_next_look(committed_world, monkeypatch, end_back_end, stage):
    live = make_version(Status.LIVE, created_at=tonight() - 24 * HOUR)
    step = training if stage == "interactions_read" else list_writing
    real = getattr(step, stage)

    def ended(**kwargs):
        end_back_end()
        return real(**kwargs)

    slot = tonight()
    with monkeypatch.context() as patched:
        patched.setattr(step, stage, ended)
        with pytest.raises(training.TrainingError):
            training_run_due(slot=slot)

    version = ModelVersion.objects.get(scheduled_for=slot)
    assert (version.status, version.attempts) == (Status.REQUESTED, 1)
    assert "Attempt 1 of 3" in version.error
    assert not MovieEmbedding.objects.exists()
    assert ModelVersion.objects.get(status=Status.LIVE) == live

    assert training_run_due(slot=slot) == version
    version.refresh_from_db()
    assert (version.status, version.attempts, version.error) == (Status.LIVE, 2, "")
    assert ModelVersion.objects.count() == 2


def test_a_back_end_ended_in_publishing_costs_no_second_training(committed_world, monkeypatch, end_back_end):
    real = publishing.version_publish

    def ended(**kwargs):
        end_back_end()
        return real(**kwargs)

    slot = tonight()
    with monkeypatch.context() as patched:
        patched.setattr(training, "version_publish", ended)
        with pytest.raises(training.TrainingError):
            training_run_due(slot=slot)
    assert ModelVersion.objects.get().status == Status.READY

    assert training_run_due(slot=slot) is None

    assert ModelVersion.objects.get().status == Status.LIVE
    assert BatchRecommendation.objects.count() == 12


def test_a_back_end_ended_after_publishing_changes_nothing(committed_world, monkeypatch, end_back_end):
    real = training.popular_refresh

    def ended():
        end_back_end()
        return real()

    slot = tonight()
    with monkeypatch.context() as patched:
        patched.setattr(training, "popular_refresh", ended)
        assert training_run_due(slot=slot).status == Status.LIVE

    assert training_run_due(slot=slot) is None
    version = ModelVersion.objects.get()
    assert (version.status, version.attempts, version.error) == (Status.LIVE, 1, "")
    assert BatchRecommendation.objects.count() == 12


def test_an_attempt_that_lost_its_lock_publishes_nothing(committed_world, monkeypatch, another_trainer):
    """The connection breaks where nobody looks, is made again, and another process has taken over meanwhile."""
    real = training.gate

    def taken_over(*args):
        another_trainer()
        return real(*args)

    slot = tonight()
    with monkeypatch.context() as patched:
        patched.setattr(training, "gate", taken_over)
        with pytest.raises(training.TrainingError, match="lock of training"):
            training_run_due(slot=slot)

    version = ModelVersion.objects.get()
    # As the other one has left it: neither published nor given back by the one that lost it.
    assert (version.status, version.attempts) == (Status.TRAINING, 2)


@pytest.fixture
def another_trainer(end_back_end):
    """Call it to have this process lose its connection, and another take the lock and begin the next attempt."""
    others = []

    def take_over() -> None:
        end_back_end()
        locks.close_broken_connection()
        other = psycopg.connect(**locks.connection.get_connection_params(), autocommit=True)
        others.append(other)
        taken = other.execute("SELECT pg_try_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key("training")])
        assert taken.fetchone() == (True,)
        other.execute("UPDATE recommendations_modelversion SET attempts = 2")

    yield take_over
    for other in others:
        other.close()
