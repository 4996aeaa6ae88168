"""A real Celery worker: tasks log under the request's id, and are counted."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest
from django.conf import settings
from django.test import Client
from django.urls import path
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response

from accounts.tokens import AccessToken
from recsys_project import multiprocess
from recsys_project.celery import app

QUEUE = f"test-{uuid.uuid4()}"
WAIT_SECONDS = 120


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def send(request):
    """Sends a task that Celery brings itself; with no result store it does nothing."""
    return Response({"task": app.send_task("celery.backend_cleanup", queue=QUEUE).id})


urlpatterns = [path("api/send/", send)]


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """The folder of a running worker of the test's own queue; it holds ``worker.log``."""
    folder = tmp_path_factory.mktemp("worker")
    command = [sys.executable, "-m", "celery", "--app", "recsys_project", "worker", "--queues", QUEUE]
    command += ["--concurrency", "1", "--loglevel", "info", "--without-mingle", "--without-gossip"]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.test",
        "REDIS_URL": settings.REDIS_URL,
        "RECSYS_VAR": str(folder),
    }
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=settings.BASE_DIR, env=environment)
    yield folder
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


def lines_of(folder, event: str = "") -> list[dict]:
    """The worker's lines of ``event`` ("" for all) once there is one; every line that begins as JSON must be whole."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        text = (folder / "worker.log").read_text()
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n") and line[0] == "{"]
        if found := [line for line in lines if event in ("", line["event"])]:
            return found
        time.sleep(0.1)
    raise AssertionError((folder / "worker.log").read_text())


def counts_in(worker_folder) -> dict[str, float]:
    """What a scrape reads of the worker's task, once it has been counted."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with multiprocess.reading([worker_folder]) as files:
            metrics = MultiProcessCollector.merge(files)
        samples = [sample for metric in metrics for sample in metric.samples]
        counted = {each.name: each.value for each in samples if each.labels.get("task") == "celery.backend_cleanup"}
        # The duration is counted last, and a metric's file exists before its first value is in it.
        if counted.get("recsys_task_seconds_total"):
            return counted
        time.sleep(0.1)
    raise AssertionError("The task was not counted.")


@pytest.mark.urls(__name__)
def test_a_task_is_counted_and_logs_its_requests_id(worker):
    token = AccessToken()
    token["user_id"] = "42"
    sent = {"HTTP_X_REQUEST_ID": "from-a-request", "HTTP_AUTHORIZATION": f"Bearer {token}"}
    response = Client().post("/api/send/", **sent)
    task = response.json()["task"]

    (started,) = lines_of(worker, "task_started")
    (succeeded,) = lines_of(worker, "task_succeeded")

    for line in (started, succeeded):
        assert line["request_id"] == "from-a-request"
        assert line["user_id"] == 42
        assert line["task_id"] == task
        assert line["task"] == "celery.backend_cleanup"
        # What describes the request and not the task stays behind.
        assert "route" not in line
        assert "method" not in line
    # Celery itself does not say the same again.
    of_the_task = [line for line in lines_of(worker) if task in json.dumps(line)]
    assert of_the_task == [started, succeeded]
    counted = counts_in(worker / "prometheus" / "worker")
    assert counted["recsys_tasks_total"] == 1
