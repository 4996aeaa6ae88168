"""Web processes are exchanged and ended under load, and no request that was accepted goes without its answer."""

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.load import load
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
# It asks the database; a page takes some milliseconds.
PATH = "/api/movies/"
ASK = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    environment = {"RATELIMIT_ENABLE": "false", "WEB_PIDFILE": str(folder / "web.pid")}
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


def await_that(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status_of(waiting: socket.socket) -> bytes:
    """The first line of the answer, after which the connection is closed on both sides."""
    with waiting:
        return b"".join(iter(lambda: waiting.recv(65536), b"")).partition(b"\r\n")[0]


def test_the_first_process_opens_nothing_workers_must_not_share(server: WebServer):
    pid = server.process.pid
    assert server.request("GET", PATH).status == 200

    assert "Threads:\t1\n" in Path(f"/proc/{pid}/status").read_text()
    held = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]
    # The listener alone: no connection to PostgreSQL or Redis.
    assert len([one for one in held if one.startswith("socket:")]) == 1


def test_no_request_fails_over_hup(server: WebServer):
    before = set(server.workers())
    with load(server.url, PATH) as noted:
        await_that(lambda: noted.answered > 50)
        os.kill(server.process.pid, signal.SIGHUP)
        await_that(lambda: len(server.workers()) == 2 and not before & set(server.workers()))
        until = noted.answered + 50
        await_that(lambda: noted.answered > until or bool(noted.failed))

    assert (noted.failed, noted.refused) == ([], 0)


def test_no_request_fails_over_a_new_server_beside_the_old(tmp_path: Path):
    pidfile = tmp_path / "web.pid"
    beside = tmp_path / "web.pid.2"
    with web_server(tmp_path, RATELIMIT_ENABLE="false", WEB_PIDFILE=str(pidfile)) as server:
        old, new = server.process, 0
        with load(server.url, PATH) as noted:
            await_that(lambda: noted.answered > 50)
            os.kill(old.pid, signal.SIGUSR2)
            await_that(beside.exists)
            new = int(beside.read_text())
            old.terminate()
            assert old.wait(timeout=60) == 0
            until = noted.answered + 50
            await_that(lambda: noted.answered > until or bool(noted.failed))
            # It takes the old one's name.
            await_that(lambda: pidfile.exists() and int(pidfile.read_text()) == new)
        os.kill(new, signal.SIGTERM)
        await_that(lambda: not pidfile.exists())

    assert (noted.failed, noted.refused) == ([], 0)


def test_on_sigterm_it_answers_what_waits_to_be_accepted(tmp_path: Path):
    with web_server(tmp_path, RATELIMIT_ENABLE="false") as server:
        address = urlsplit(server.url)
        for worker in server.workers():
            os.kill(worker, signal.SIGSTOP)
        waiting = [socket.create_connection((address.hostname, address.port), timeout=60) for _ in range(40)]
        for one in waiting:
            one.sendall(ASK)
        workers = server.workers()
        server.process.terminate()
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        # All at once: Gunicorn gives each client a moment to close its side, one after the other.
        with ThreadPoolExecutor(len(waiting)) as pool:
            answers = list(pool.map(status_of, waiting))

        assert answers == [b"HTTP/1.1 200 OK"] * 40
        assert server.process.wait(timeout=60) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.hostname, address.port), timeout=60)
