"""A real Gunicorn over the test database, for tests that speak HTTP to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from tests import log_secrets

START_SECONDS = 60


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class WebServer:
    """Where the server listens, and the file of its log."""

    url: str
    log: Path
    process: subprocess.Popen = field(repr=False)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Sends ``body`` as it is where it is bytes, otherwise as JSON; header names have ``_`` for ``-``."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())
        except TimeoutError as error:
            raise AssertionError(f"No answer to {method} {path[:200]}. The server:\n{self.whereabouts()}") from error

    def workers(self, master: int | None = None) -> list[int]:
        """The ids of its web processes, or of those of another first process."""
        pid = master or self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def whereabouts(self) -> str:
        """The end of the log, after each thread of each web process has said where it stands."""
        for worker in self.workers():
            os.kill(worker, signal.SIGUSR2)
        time.sleep(1)
        return "\n".join(self.log.read_text().splitlines()[-300:])

    def log_lines(self) -> list[dict[str, Any]]:
        """What the server has logged; every line must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def error_of(answer: Answer, status: int) -> dict[str, Any]:
    """The error of an answer that must be one, in the shape that all have."""
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "fields", "request_id"}
    assert error["request_id"] == answer.headers["X-Request-ID"]
    return error


@contextmanager
def web_server(folder: Path, **environment: str) -> Iterator[WebServer]:
    """Runs ``gunicorn recsys_project.wsgi`` with the Procfile's configuration until the block ends.

    It listens on a free port, or on PORT of the environment.
    """
    port = environment.get("PORT") or str(free_port())
    log = folder / "web.log"
    # The script, as in the Procfile: Gunicorn starts itself again by the path it was started with.
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    command = [gunicorn, "recsys_project.wsgi", "--config", "recsys_project/gunicorn.py"]
    given = {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
        "DATABASE_URL": environment.get("DATABASE_URL") or running_database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "RECSYS_VAR": str(folder),
        "PYTHONWARNINGS": "ignore:No directory at",
        "PORT": port,
        **environment,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=settings.BASE_DIR, env=os.environ | given)
    server = WebServer(f"http://127.0.0.1:{port}", log, process)
    try:
        _await(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
        log_secrets.check(log.read_text(errors="replace"), "the server's log")


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def running_database_url() -> str:
    """The address of the database that the running tests use."""
    parts = urlsplit(settings.DATABASE_URL)
    return f"{parts.scheme}://{parts.netloc}/{connection.settings_dict['NAME']}" + (
        f"?{parts.query}" if parts.query else ""
    )


def _await(server: WebServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if server.request("GET", "/health/live").status == 200:
                return
        except OSError:
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"The web server did not start:\n{server.log.read_text()}")
