import pytest
from django.conf import settings
from django.core.cache import cache
from django_celery_beat.models import PeriodicTask
from redis.exceptions import RedisError

from recommendations.models import ModelVersion
from recommendations.training import nightly, tuning
from recommendations.training import services as training
from recsys_project.celery import app
from tests.factories import make_version
from workers.base import BaseTask
from workers.tasks import refresh
from workers.tasks import training as training_tasks


@pytest.fixture
def fragile():
    """A task that notes each time it really runs."""
    ran: list[int] = []

    @app.task(base=BaseTask, bind=True, name="tests.fragile")
    def task(self):
        ran.append(1)
        return "done"

    yield task, ran
    app.tasks.pop("tests.fragile")


def deliver(task, task_id: str):
    return task.apply(task_id=task_id).result


def test_a_message_that_comes_back_too_often_is_dropped(fragile, db):
    task, ran = fragile

    results = [deliver(task, "one") for _ in range(5)]

    assert results == ["done"] * 3 + [None] * 2
    assert len(ran) == 3
    assert deliver(task, "another") == "done"


def test_a_task_runs_when_redis_cannot_count(fragile, db, monkeypatch):
    task, _ = fragile

    def away(*args, **kwargs):
        raise RedisError

    monkeypatch.setattr(cache, "incr", away)

    assert deliver(task, "one") == "done"


def test_training_tasks_say_the_version_or_nothing(db, monkeypatch):
    version = make_version()
    monkeypatch.setattr(nightly, "training_run_due", lambda **_: version)
    assert training_tasks.train.apply().result == version.pk
    assert training_tasks.run_due.apply().result == version.pk

    monkeypatch.setattr(nightly, "training_run_due", lambda **_: None)
    assert training_tasks.run_due.apply().result is None


@pytest.mark.parametrize("error", [training.TrainingBusyError("busy"), training.TrainingError("nothing to train on")])
def test_a_training_that_fails_is_no_failed_task(db, monkeypatch, error):
    def fail(**kwargs):
        raise error

    monkeypatch.setattr(nightly, "training_run_due", fail)

    result = training_tasks.run_due.apply()

    assert result.state == "SUCCESS"
    assert result.result is None


def test_a_due_weekly_search_runs_where_nothing_trains(db, monkeypatch):
    searched = []
    monkeypatch.setattr(tuning, "tuning_run", lambda **kwargs: searched.append(kwargs["trigger"]))
    monkeypatch.setattr(training_tasks, "latest_slot", lambda task, now: now if task.endswith("tune") else None)

    training_tasks.run_due.apply()

    assert searched == ["weekly"]


def test_refreshes_work_on_an_empty_database(db):
    PeriodicTask.objects.all().delete()
    assert refresh.popular.apply().result == 0
    assert refresh.embeddings.apply().result == 0
    assert training_tasks.run_due.apply().result is None
    assert not ModelVersion.objects.exists()


def test_no_task_is_delivered_again_while_it_may_still_run():
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    assert options["visibility_timeout"] > settings.CELERY_TASK_TIME_LIMIT > settings.CELERY_TASK_SOFT_TIME_LIMIT
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
