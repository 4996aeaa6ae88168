from importlib import import_module

import pytest
from django.apps import apps
from django_celery_beat.models import PeriodicTask

from recsys_project.celery import app

schedule = import_module("workers.migrations.0001_schedule")
later = import_module("workers.migrations.0002_tuning_and_tokens")


@pytest.fixture
def delivered(db) -> None:
    """The schedule as the migration leaves it; other tests may have emptied the tables since."""
    schedule.create_schedule(apps, None)
    later.create_schedule(apps, None)


def test_every_scheduled_task_exists_and_goes_to_its_queue(delivered):
    queues = {}
    for entry in PeriodicTask.objects.exclude(task="celery.backend_cleanup"):
        assert entry.task in app.tasks, entry.name
        queues[entry.task] = app.amqp.router.route({}, entry.task)["queue"].name

    assert queues == {
        "workers.tasks.training.train": "train",
        "workers.tasks.training.run_requested": "train",
        "workers.tasks.training.tune": "train",
        "workers.tasks.maintenance.flush_tokens": "default",
        "workers.tasks.refresh.popular": "default",
        "workers.tasks.refresh.embeddings": "default",
    }


def test_the_night_is_in_utc_and_messages_expire_before_the_next(delivered):
    nightly = PeriodicTask.objects.get(name="Nightly training")

    assert str(nightly.crontab.timezone) == "UTC"
    assert (nightly.crontab.hour, nightly.crontab.minute) == ("3", "0")
    assert all(entry.expire_seconds for entry in PeriodicTask.objects.filter(task__startswith="workers."))


def test_what_staff_changed_stays_changed(delivered):
    PeriodicTask.objects.filter(name="Nightly training").update(enabled=False, expire_seconds=9)

    schedule.create_schedule(apps, None)

    nightly = PeriodicTask.objects.get(name="Nightly training")
    assert (nightly.enabled, nightly.expire_seconds) == (False, 9)
