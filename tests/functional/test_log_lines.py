"""Every line that the processes of a server write is one JSON object, whatever is sent to them or goes wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests.functional.web_server import WebServer, running_database_url, web_server

pytestmark = pytest.mark.django_db(transaction=True)
HOSTS = [b"unheard-of.example", b"two words", b"a:b:c", b"<script>", b"caf\xc3\xa9", b"\xff\xfe", b"[::1", b"_", b""]
BROKEN = [
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /api/auth/token/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%ff%00/../?%zz HTTP/1.1\r\nHost: localhost\r\nCookie: \xff=\xfe\r\nConnection: close\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


def send(server: WebServer, request: bytes) -> bytes:
    """What the server answers, until it closes the connection."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as one:
        one.sendall(request)
        one.shutdown(socket.SHUT_WR)
        try:
            return b"".join(iter(lambda: one.recv(65536), b""))
        except ConnectionResetError:
            return b""


def get(server: WebServer, path: str, host: bytes) -> int:
    """The status of an answer; 0 for none."""
    answer = send(server, b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (path.encode(), host))
    return int(answer[9:12] or 0)


def lines_of(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"event", "level", "logger", "timestamp"} <= set(line) for line in lines)
    return lines


def test_bad_hosts_and_broken_requests_are_logged_as_json(tmp_path: Path):
    with web_server(tmp_path, PYTHONWARNINGS="default", LOG_LEVEL="DEBUG") as server:
        for host in HOSTS:
            for path in ("/health/live", "/health/ready", "/metrics"):
                # Gunicorn itself refuses a Host that HTTP does not allow.
                assert get(server, path, host) in (200, 400)
            assert get(server, "/health/live", b"unheard-of.example") == 200
            for path in ("/api/movies/", "/admin/login/", "/", "/nowhere"):
                assert get(server, path, host) == 400
        for request in BROKEN:
            assert b" 500 " not in send(server, request)[:20]
        os.kill(server.workers()[0], signal.SIGKILL)
        os.kill(server.process.pid, signal.SIGHUP)
        time.sleep(1)

    lines = lines_of(server.log.read_text())
    # The first process, its workers, requests, and a warning of Python's.
    assert {"gunicorn.error", "recsys_project.middleware", "py.warnings"} <= {line["logger"] for line in lines}
    assert len([line for line in lines if line.get("status") == 400]) >= 4 * 5
    assert not [line for line in lines if "exception" in line]


@pytest.mark.parametrize(
    "command",
    [
        "worker --queues nobodys --concurrency 1 --hostname a-test",
        "beat --scheduler workers.beat:Scheduler",
    ],
)
def test_workers_and_beat_log_json_from_start_to_end(tmp_path: Path, command: str):
    log = tmp_path / "log"
    celery = [sys.executable, "-m", "celery", "--app", "recsys_project", *command.split()]
    given = {"DATABASE_URL": running_database_url(), "RECSYS_VAR": str(tmp_path), "PYTHONWARNINGS": "default"}
    # A queue of its own: nobody gets what beat may send.
    given["CELERY_BROKER_URL"] = "memory://"
    with log.open("wb") as output, (tmp_path / "printed").open("wb") as printed:
        process = subprocess.Popen(celery, stdout=printed, stderr=output, cwd=settings.BASE_DIR, env=os.environ | given)
        deadline = time.monotonic() + 60
        while not any(sign in log.read_text() for sign in ("a-test ready", "beat: Starting")):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
        assert process.wait(timeout=60) == 0

    lines = lines_of(log.read_text())
    assert (tmp_path / "printed").read_text() == ""
    assert len({json.dumps(line) for line in lines}) == len(lines)
    if command.startswith("worker"):
        assert [line["level"] for line in lines if "Warm shutdown" in line["event"]] == ["info"]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DJANGO_SETTINGS_MODULE": "recsys_project.settings.production", "SECRET_KEY": ""}, "SECRET_KEY"),
        ({"DJANGO_SETTINGS_MODULE": "no_such_settings"}, "no_such_settings"),
        ({"WEB_THREADS": "two"}, "'two'"),
    ],
)
def test_a_server_that_does_not_start_says_so_as_json(tmp_path: Path, environment: dict[str, str], named: str):
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    command = [gunicorn, "recsys_project.wsgi", "--config", "recsys_project/gunicorn.py"]
    given = {"DJANGO_SETTINGS_MODULE": "recsys_project.settings.local", "RECSYS_VAR": str(tmp_path), "PORT": "1"}
    ended = subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env=os.environ | given | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert ended.stdout == ""
    lines = lines_of(ended.stderr)
    assert named in "".join(line["event"] + line.get("problem", "") + line.get("exception", "") for line in lines)


def test_missing_settings_are_said_without_a_traceback(tmp_path: Path):
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    ended = subprocess.run(
        [gunicorn, "recsys_project.wsgi", "--config", "recsys_project/gunicorn.py"],
        cwd=settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "recsys_project.settings.production",
            "RECSYS_VAR": str(tmp_path),
            "PORT": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    (line,) = [line for line in lines_of(ended.stderr) if line["level"] == "critical"]
    assert ended.returncode != 0
    assert line["event"] == "improperly_configured"
    assert line["problem"].startswith("Production settings are incomplete:\n  SECRET_KEY: set it to")
    assert "exception" not in line
