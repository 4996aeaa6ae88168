"""The metrics of a machine that has workers alone."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from prometheus_client.mmap_dict import MmapedDict, mmap_key

TOKEN = "a-long-random-token"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """As workers leave it: a file of this process, which lives, and one of those that have ended."""
    folder = tmp_path_factory.mktemp("machine") / "prometheus" / "worker"
    folder.mkdir(parents=True)
    for pid, value in ((os.getpid(), 2), ("ended", 3)):
        values = MmapedDict(str(folder / f"counter_{pid}.db"))
        labels = {"names": ["task", "result"], "values": ["a", "succeeded"]}
        key = mmap_key("recsys_tasks", "recsys_tasks_total", labels["names"], labels["values"], "Runs.")
        values.write_value(key, value, 0.0)
        values.close()
    return folder


@pytest.fixture(scope="module")
def port(folder) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start(folder, WORKER_METRICS_PORT=str(port), METRICS_TOKEN=TOKEN)
    deadline = time.monotonic() + 60
    while True:
        try:
            get(port, "/metrics")
            break
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(timeout=30)


def start(folder: Path, *, stderr: int | None = None, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "recsys_project.metrics.server"]
    given = {"RECSYS_VAR": str(folder.parent.parent), "PYTHONPATH": str(settings.BASE_DIR), **environment}
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=os.environ | given, stderr=stderr)


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_it_sums_the_workers_and_adds_no_file(port, folder):
    status, text = get(port, "/metrics", Authorization=f"Bearer {TOKEN}", Host="forged.example")

    assert status == 200
    assert 'recsys_tasks_total{result="succeeded",task="a"} 5.0' in text
    assert 'recsys_processes{kind="worker"} 1.0' in text
    assert len(list(folder.glob("*.db"))) == 2


def test_it_answers_the_holder_of_the_token_alone(port):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        status, text = get(port, "/metrics", **headers)
        assert status == 401
        assert "recsys" not in text
    assert get(port, "/", Authorization=f"Bearer {TOKEN}")[0] == 404


def test_a_client_that_says_nothing_keeps_nobody_waiting(port):
    with socket.create_connection(("127.0.0.1", port)) as half, socket.create_connection(("127.0.0.1", port)) as silent:
        half.sendall(b"GET /metrics HTTP/1.1\r\nHost: a")
        assert silent.fileno() > 0

        assert get(port, "/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_no_token_of_a_client_breaks_it(port):
    for token in ("", "x" * 20_000, "caf\u00e9", "\u00ff\u00fe"):
        assert get(port, "/metrics", Authorization=f"Bearer {token}")[0] == 401


@pytest.mark.parametrize(
    ("variable", "value"), [("WORKER_METRICS_HOST", "no such host"), ("WORKER_METRICS_PORT", "a-port")]
)
def test_a_wrong_address_is_said_without_a_traceback(folder, variable, value):
    process = start(folder, **{variable: value, "METRICS_TOKEN": ""}, stderr=subprocess.PIPE)

    assert process.stderr is not None
    said = process.stderr.read().decode()
    assert process.wait(timeout=30) == 2
    assert variable in said
    assert "Traceback" not in said


def test_it_is_not_open_to_other_machines_without_a_token(folder):
    process = start(folder, WORKER_METRICS_HOST="0.0.0.0", METRICS_TOKEN="")

    assert process.wait(timeout=30) == 2
