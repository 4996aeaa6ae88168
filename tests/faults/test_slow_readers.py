"""Clients that read nothing of their answers keep nobody else waiting, and get the whole answer if they read late."""

import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMA = b"GET /api/schema/?format=json HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    environment = {"RATELIMIT_ENABLE": "false", "WEB_CONCURRENCY": "1", "WEB_THREADS": "2"}
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def connect(server: WebServer) -> socket.socket:
    """A client whose kernel takes a few kilobytes on its own."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(60)
    address = urlsplit(server.url)
    client.connect((address.hostname, address.port))
    return client


def body_of(client: socket.socket) -> bytes:
    blocks = []
    while block := client.recv(65_536):
        blocks.append(block)
    return b"".join(blocks).partition(b"\r\n\r\n")[2]


def test_who_reads_nothing_holds_no_thread(server):
    whole = server.request("GET", "/api/schema/?format=json").body
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server)) for _ in range(12)]
        for client in slow:
            client.sendall(SCHEMA % b"close")
        for _ in range(5):
            began = time.monotonic()
            assert server.request("GET", "/api/movies/").status == 200
            # Each thread that waited would cost ten seconds or more.
            assert time.monotonic() - began < 8

        bodies = [body_of(client) for client in slow]

    assert len(whole) > 100_000
    assert all(body == whole for body in bodies)


def test_a_late_reader_sends_its_next_request_on_the_connection(server):
    with connect(server) as client:
        client.sendall(SCHEMA % b"keep-alive")
        time.sleep(0.5)
        client.sendall(SCHEMA % b"close")
        answers = body_of(client)

    whole = server.request("GET", "/api/schema/?format=json").body
    assert answers.count(b"HTTP/1.1 200 OK") == 1
    assert answers.count(whole) == 2


def test_who_goes_away_without_reading_leaves_nothing_behind(server):
    for _ in range(20):
        with connect(server) as client:
            client.sendall(SCHEMA % b"close")
            time.sleep(0.02)

    assert server.request("GET", "/api/movies/").status == 200
    assert server.process.poll() is None
    assert [line for line in server.log_lines() if line["level"] == "error"] == []
