"""Clients that send half a request, or nothing, keep nobody else waiting, and are closed."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
READ_SECONDS = 4
HEAD = b"POST /api/recommendations/session/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALVES = {
    "nothing": b"",
    "a line": b"GET /api/movies/ HTTP/1.1\r\n",
    "a line after empty ones": b"\r\n\r\n\r\nGET /api/movies/ HTTP/1.1\r\n",
    "a head without its end": HEAD,
    "a head without its body": HEAD + b"Content-Length: 30000\r\n\r\n",
    "half a body": HEAD + b"Content-Length: 30000\r\n\r\n" + b"{" * 15000,
    "a body in chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "a body that is too long": HEAD + b"Content-Length: 90000000\r\n\r\n" + b"{" * 15000,
    "a promise to go on": HEAD + b"Expect: 100-continue\r\nContent-Length: 30\r\n\r\n",
    "a next request": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health/live HTTP/1.1\r\n",
    "a request, left open": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    environment = {"RATELIMIT_ENABLE": "false", "WEB_READ_SECONDS": str(READ_SECONDS)}
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def connect(server: WebServer) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


@contextmanager
def held_open(server: WebServer, sent: bytes, count: int = 20) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(count)]
        for client in clients:
            client.sendall(sent)
        yield clients


def received(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    blocks = []
    try:
        while block := client.recv(65536):
            blocks.append(block)
    except ConnectionResetError:
        pass
    return b"".join(blocks)


def test_halves_keep_nobody_waiting_and_are_closed(server):
    """More of each kind than the server has threads, all at once: the wait for the time-out is the same for all."""
    with ExitStack() as stack:
        held = {name: stack.enter_context(held_open(server, sent)) for name, sent in HALVES.items()}
        for _ in range(10):
            began = time.monotonic()
            assert server.request("GET", "/api/movies/").status == 200
            # Far below the time-outs of the server; each thread that waits would cost one of them.
            assert time.monotonic() - began < READ_SECONDS / 2
        closed_from = time.monotonic()
        for name, clients in held.items():
            for client in clients:
                received(client)
            assert time.monotonic() - closed_from < 3 * READ_SECONDS, name


def test_who_began_a_request_is_told_of_the_timeout(server):
    with held_open(server, HALVES["half a body"], count=1) as (client,):
        head, _, body = received(client).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in head
    assert json.loads(body)["error"]["code"] == "request_timeout"


def test_bytes_that_trickle_do_not_put_off_the_timeout(server):
    with held_open(server, HEAD, count=1) as (client,):
        deadline = time.monotonic() + 5 * READ_SECONDS
        with pytest.raises(ConnectionError):
            _trickle(client, deadline)


def _trickle(client: socket.socket, deadline: float) -> None:
    while time.monotonic() < deadline:
        client.sendall(b"X-More: 1\r\n")
        time.sleep(0.2)


def test_a_request_in_pieces_is_answered(server):
    body = b'{"movie_ids": [9007199254740991]}'
    request = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with connect(server) as client:
        for position in range(0, len(request), 7):
            client.sendall(request[position : position + 7])
            time.sleep(0.005)
        assert received(client).startswith(b"HTTP/1.1 400 ")  # There is no such movie.


def test_who_asks_to_go_on_may(server):
    with connect(server) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        answer = received(client)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"100 Continue" not in answer


def test_requests_sent_in_one_go_are_answered_in_order(server):
    one = b"GET /api/movies/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /api/nowhere/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connect(server) as client:
        client.sendall(one + one + last)
        answers = received(client)

    assert re.findall(rb"HTTP/1\.1 (\d+) ", answers) == [b"200", b"200", b"404"]


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 90000000",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 0\r\nContent-Length: 0",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked",
        b"Content-Length : 47",
        b"Content-Length: +0",
    ],
)
def test_nothing_after_an_unread_body_is_a_request(server, framing):
    hidden = b"GET /api/movies/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(server) as client:
        client.sendall(HEAD + framing + b"\r\n\r\n" + hidden * 3)
        answers = received(client)

    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers[9:12] in (b"400", b"411", b"413")


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414", "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"x" * 9000 + b"\r\n\r\n", b"431", "headers_too_large"),
        (b"GET / HTTP/1.1\r\nX-A: " + b"x" * 70_000, b"431", "headers_too_large"),
        (b"nonsense\r\n\r\n", b"400", "bad_request"),
    ],
)
def test_what_is_no_request_has_the_apis_error(server, request_bytes, status, code):
    with connect(server) as client:
        client.sendall(request_bytes)
        head, _, body = received(client).partition(b"\r\n\r\n")

    assert head.split()[1] == status
    assert b"Content-Type: application/json" in head
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "fields", "request_id"}
    assert error["code"] == code


def test_it_still_answers_when_its_connections_are_used_up(server):
    with held_open(server, HEAD, count=1100):
        assert server.request("GET", "/health/live").status == 200
    assert all(line["level"] != "error" for line in server.log_lines())
