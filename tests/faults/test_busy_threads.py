"""While every thread is busy, cached lists and probes are answered; and connections are spread over the processes."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.cache import caches

from accounts.tokens import AccessToken
from tests.factories import make_user, some_popular
from tests.functional.web_server import WebServer, running_database_url, web_server

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 2
REQUEST = b"GET /api/recommendations/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[WebServer]:
    caches["default"].delete_pattern("*")
    environment = {
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": str(THREADS),
        "RATELIMIT_ENABLE": "false",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def connect(server: WebServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=30)


def request_of(user) -> bytes:
    return REQUEST % str(AccessToken.for_user(user)).encode()


def status(sock: socket.socket, request: bytes) -> int:
    """Of an answer that closes nothing; the body is read."""
    sock.sendall(request)
    return received(sock)


def received(sock: socket.socket) -> int:
    data = sock.recv(1 << 20)
    while select.select([sock], [], [], 0.2)[0]:
        data += sock.recv(1 << 20)
    return int(data.split()[1])


def peers_of(pid: int) -> list[int]:
    """The ports at the other end of a process's connections."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in inodes]


def test_cached_lists_and_probes_answer_while_all_threads_are_busy(server):
    some_popular(5)
    reader, others = make_user(), [make_user() for _ in range(2 * THREADS)]
    with ExitStack() as stack:
        line = stack.enter_context(connect(server))
        # Until the process knows the reader.
        for _ in range(5):
            assert status(line, request_of(reader)) == 200
            time.sleep(0.4)
        holding = stack.enter_context(psycopg.connect(running_database_url()))
        holding.execute("LOCK TABLE events_interaction IN ACCESS EXCLUSIVE MODE")
        waiting = [stack.enter_context(connect(server)) for _ in others]
        for sock, user in zip(waiting, others, strict=True):
            sock.sendall(request_of(user))
        time.sleep(1)

        for _ in range(10):
            assert status(line, request_of(reader)) == 200
        for path in ("/health/live", "/health/ready"):
            assert server.request("GET", path).status == 200

        # All threads still wait for the table, so none of these answers came from one.
        assert select.select(waiting, [], [], 0)[0] == []
        holding.rollback()
        assert [received(sock) for sock in waiting] == [200] * len(waiting)


def test_kept_connections_are_spread_over_the_processes(tmp_path):
    with web_server(tmp_path, WEB_CONCURRENCY="2") as server, ExitStack() as stack:
        deadline = time.monotonic() + 20
        while len(workers := server.workers()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        lines = []
        for _ in range(16):
            line = stack.enter_context(connect(server))
            line.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
            lines.append(line)

        ports = {line.getsockname()[1] for line in lines}
        shares = sorted(sum(port in ports for port in peers_of(pid)) for pid in workers)

        assert sum(shares) == 16
        assert shares[0] >= 6
