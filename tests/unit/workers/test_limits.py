"""Limits and retries, which the base class gives every task."""

from itertools import count

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import OperationalError

from recsys_project.celery import app
from workers.base import BaseTask, TrainingTask
from workers.task_metrics import TASKS

app.loader.import_default_modules()
OWN = [task for name, task in sorted(app.tasks.items()) if name.startswith("workers.tasks.")]
_numbers = count()
LONG = {"workers.tasks.training.run_due", "workers.tasks.training.train", "workers.tasks.training.tune"}


@pytest.fixture
def task_of():
    """Makes a task of a function."""
    made = []

    def make(function, base=BaseTask):
        task = app.task(base=base, name=f"tests.limited{next(_numbers)}")(function)
        made.append(task.name)
        return task

    yield make
    for name in made:
        app.tasks.pop(name)


def counted(task, result: str) -> float:
    return TASKS.labels(task.name, result)._value.get()


@pytest.mark.parametrize("task", OWN, ids=lambda task: task.name)
def test_every_task_has_both_limits_of_its_kind(task):
    limits = (
        (settings.CELERY_TASK_SOFT_TIME_LIMIT, settings.CELERY_TASK_TIME_LIMIT)
        if task.name in LONG
        else (settings.SHORT_TASK_SOFT_TIME_LIMIT, settings.SHORT_TASK_TIME_LIMIT)
    )

    assert isinstance(task, TrainingTask if task.name in LONG else BaseTask)
    assert (task.soft_time_limit, task.time_limit) == limits
    assert 0 < task.soft_time_limit < task.time_limit


def test_a_task_is_retried_while_the_database_is_away(task_of, db):
    runs = []

    def away():
        runs.append(1)
        if len(runs) < 3:
            raise OperationalError("gone")
        return "done"

    task = task_of(away)

    assert task.apply().get() == "done"
    assert (counted(task, "retried"), counted(task, "succeeded")) == (2, 1)


def test_the_pause_before_a_retry_grows_and_varies(task_of, db, monkeypatch):
    pauses = []

    def away():
        raise OperationalError("gone")

    task = task_of(away)
    retry = task.retry
    monkeypatch.setattr(task, "retry", lambda **given: pauses.append(given["countdown"]) or retry(**given))

    with pytest.raises(OperationalError):
        task.apply().get()
    spread = {task.retry_backoff * 2**number: pause for number, pause in enumerate(pauses)}

    assert len(pauses) == task.max_retries + 1
    assert all(0 <= pause <= most for most, pause in spread.items())
    assert task.retry_jitter


def test_a_task_at_its_soft_limit_fails_and_is_not_retried(task_of, db):
    def slow():
        raise SoftTimeLimitExceeded

    task = task_of(slow)

    assert task.apply().state == "FAILURE"
    assert (counted(task, "failed"), counted(task, "retried")) == (1, 0)
