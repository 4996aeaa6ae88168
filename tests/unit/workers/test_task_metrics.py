"""Each run of a task is counted by its result."""

import time

import pytest
from celery import current_app as app
from celery.app.task import Context
from prometheus_client import REGISTRY

from recsys_project.celery import app as site
from workers.base import BaseTask
from workers.task_metrics import MeasuredTask, _observe_wait


def count(result: str) -> float:
    labels = {"task": "tests.counted", "result": result}
    return REGISTRY.get_sample_value("recsys_tasks_total", labels) or 0.0


@app.task(base=BaseTask, name="tests.counted")
def counted(what: str) -> str:
    if what == "failed":
        raise ValueError(what)
    return what


@pytest.mark.parametrize("result", ["succeeded", "failed"])
def test_a_run_is_counted_once_by_its_result(result):
    before = count(result)

    counted.apply(args=[result])

    assert count(result) - before == 1
    assert REGISTRY.get_sample_value("recsys_task_seconds_total", {"task": "tests.counted"}) > 0


def test_a_dropped_run_is_no_success(monkeypatch):
    monkeypatch.setattr(BaseTask, "_deliveries", lambda self: 99)
    before = count("succeeded"), count("dropped")

    counted.apply(args=["succeeded"])

    assert (count("succeeded"), count("dropped")) == (before[0], before[1] + 1)


def test_a_direct_call_is_no_run():
    before = count("succeeded")

    assert counted("succeeded") == "succeeded"

    assert count("succeeded") == before


@pytest.mark.parametrize(("more", "waits"), [({}, 1), ({"eta": "2026-01-01"}, 0), ({"retries": 1}, 0)])
def test_the_wait_is_from_sending_to_the_start(more, waits):
    name = "recsys_task_wait_seconds_count"
    before = REGISTRY.get_sample_value(name)

    _observe_wait(Context({"sent_at": time.time() - 5, **more}))

    assert REGISTRY.get_sample_value(name) - before == waits


def test_celerys_own_tasks_are_counted_too():
    assert isinstance(site.tasks["celery.backend_cleanup"], MeasuredTask)
