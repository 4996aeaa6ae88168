"""Gunicorn's threaded worker, in which no client that is slow or silent holds a thread or the main loop.

Gunicorn's reads a request in a thread, which waits for as long as its client likes, and closes connections in the main
loop, which waits up to two seconds for each. Eight clients that sent half a request stopped the whole site.

Here, the main loop collects each request (``request_reader``) and gives complete ones to the threads. A connection that
takes longer than ``WEB_READ_SECONDS`` is answered with 408 and closed. What a client does not take of its answer is
kept (``answer_socket``), and sent by the main loop once the thread is free. On shutdown, all queued connections are
accepted and answered before the worker exits.
"""

import errno
import json
import os
import select
import selectors
import socket
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.errors import ConfigError
from gunicorn.http import get_parser
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from recsys_project.answer_socket import AnswerSocket
from recsys_project.request_reader import CONTINUE, RequestReader

READ_SECONDS = float(os.environ.get("WEB_READ_SECONDS", "10"))
# A client must take what is left of its answer within this time.
SEND_SECONDS = 30.0
# How long a closed connection is read on, so that the client gets the last answer before a reset (RFC 9112, 9.6).
LINGER_SECONDS = 2.0
MAX_BODY = int(os.environ.get("MAX_BODY_BYTES", str(1024 * 1024)))
UPLOADS = {
    b"/api/taste-imports/": int(os.environ.get("MAX_UPLOAD_BYTES", str(20 * 1024 * 1024))),
    b"/admin/movies/movie/import/": 5 * 1024 * 1024 + 64 * 1024,
}
# Bytes of incomplete requests that a process holds; beyond that, those that wait longest are closed.
MAX_HELD = 64 * 1024 * 1024
_BLOCK = 64 * 1024
_PROBES = (b"GET /health/", b"HEAD /health/", b"GET /metrics")
_GONE = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)
_FULL = (errno.EMFILE, errno.ENFILE)
_CODES = {408: "request_timeout", 414: "uri_too_long", 431: "headers_too_large", 500: "internal_error"}


class Connection(TConn):
    """Gunicorn's connection with the bytes of the request that the main loop collects."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, AnswerSocket(fileno=sock.detach()), client, server)
        self.parser: Any = None
        self.reader = RequestReader(MAX_BODY, UPLOADS)
        # The time at which the connection is closed if it is still waiting.
        self.deadline = 0.0
        self.body_length: int | None = 0
        self.watched = False
        # Bytes of this connection in the worker's sum.
        self.held = 0
        # Whether the request is for a probe.
        self.is_probe = False

    def begin(self) -> None:
        """Gives the parser the complete request, and nothing else to wait for."""
        if self.parser is None:
            self.parser = get_parser(self.cfg, [], self.client)
            self.initialized = True
        self.body_length = self.reader.length
        self.is_probe = self.reader.buffer.startswith(_PROBES)
        self.parser.unreader.unread(self.reader.take())

    def agrees_with(self, request: Any) -> bool:
        """Whether Gunicorn found the same end of the request; only then may another one follow."""
        fields = [value for name, value in request.headers if name in ("CONTENT-LENGTH", "TRANSFER-ENCODING")]
        return self.body_length is not None and fields in ([], [str(self.body_length)])


class DrainingWorker(ThreadWorker):
    """The worker of this module. ``reading``, ``sending`` and ``lingering`` are in the order of their deadlines."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading: OrderedDict[Connection, None] = OrderedDict()
        self.sending: OrderedDict[Connection, bool] = OrderedDict()
        self.lingering: OrderedDict[Connection, None] = OrderedDict()
        self.held = 0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise ConfigError("This worker speaks plain HTTP: let a proxy in front of it speak TLS.")

    def set_accept_enabled(self, enabled: bool) -> None:
        """Starts or stops accepting connections; on shutdown, also drains and closes the listeners.

        Gunicorn's worker closes the listener seconds after it has stopped accepting. If no other process listens, the
        kernel queues connections until then and resets them all. Here, later connections are refused at once, so that
        a proxy or client can send them elsewhere.
        """
        super().set_accept_enabled(enabled)
        ending = not self.alive or os.getppid() != self.ppid
        if enabled or not ending:
            return
        for listener in self.sockets:
            while _has_connection(listener):
                self.accept(listener)
            listener.close()

    def accept(self, listener: Any) -> None:
        """Accepts a connection, and gives it to a thread if its request is already here."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in _FULL:
                self._make_room()
            elif error.errno not in _GONE:
                raise
            return
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        self._collect(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """The next request arrives on a kept connection."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def finish_request(self, conn: Connection, fs: Future) -> None:
        """Keeps the connection for a next request, or closes it without waiting for the client."""
        failed = fs.cancelled() or fs.exception() is not None
        kept = not failed and bool(fs.result())
        if conn.sock.unsent and not failed:
            conn.sock.setblocking(False)
            conn.deadline = time.monotonic() + SEND_SECONDS
            self.sending[conn] = kept
            self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._on_writable, conn))
            conn.watched = True
        else:
            self._answered(conn, kept)

    def _on_writable(self, conn: Connection, client: AnswerSocket) -> None:
        """Sends on what is left of the answer."""
        try:
            client.send_on()
        except OSError:
            self._drop(conn)
            return
        if not client.unsent:
            kept = self.sending[conn]
            self._forget(conn)
            self._answered(conn, kept)

    def _answered(self, conn: Connection, kept: bool) -> None:
        """The answer is sent as far as the kernel takes it."""
        if not kept or conn.parser.unreader.buf.getvalue():
            self._linger(conn)
        elif conn.reader.buffer:
            self._collect(conn)
        else:
            conn.sock.setblocking(False)
            self.keep(conn)

    def keep(self, conn: Connection) -> None:
        """Waits for the next request of a connection."""
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def handle_request(self, req: Any, conn: Connection) -> bool:
        if not conn.agrees_with(req):
            req.force_close()
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Closes connections whose time is over. The main loop calls it at least once a second."""
        now = time.monotonic()
        while self.reading and next(iter(self.reading)).deadline <= now:
            self._give_up(next(iter(self.reading)))
        while self.sending and next(iter(self.sending)).deadline <= now:
            self._drop(next(iter(self.sending)))
        while self.lingering and next(iter(self.lingering)).deadline <= now:
            self._drop(next(iter(self.lingering)))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Gunicorn's handling of a request that it cannot parse, with an answer in the API's shape instead of HTML."""
        written = _Captured()
        super().handle_error(req, written, addr, exc)
        parts = written.data.split(None, 2)
        if len(parts) == 3:
            _send_error(client, int(parts[1]))

    def _collect(self, conn: Connection) -> None:
        """Waits for a request in the main loop, unless it is already here."""
        conn.sock.setblocking(False)
        conn.deadline = time.monotonic() + READ_SECONDS
        self.reading[conn] = None
        self._on_readable(conn, conn.sock)
        if conn in self.reading:
            self._watch(conn, self._on_readable)

    def _on_readable(self, conn: Connection, client: socket.socket) -> None:
        """Reads what has arrived, and gives the request to a thread once it is complete."""
        if not conn.reader.complete:
            try:
                data = client.recv(_BLOCK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop(conn)
                return
            conn.reader.feed(data)
        if conn.reader.complete:
            self._forget(conn)
            self.dispatch(conn)
        elif conn.reader.head_too_long:
            _send_error(conn.sock, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            self._linger(conn)
        else:
            if conn.reader.expects_continue:
                conn.reader.expects_continue = False
                _send(conn.sock, CONTINUE)
            self._limit_held(conn)

    def dispatch(self, conn: Connection) -> None:
        """Gives a complete request to a thread."""
        conn.begin()
        self.enqueue_req(conn)

    def _limit_held(self, conn: Connection) -> None:
        """Counts the bytes of an incomplete request, and closes those that wait longest if all are too many."""
        self.held += len(conn.reader.buffer) - conn.held
        conn.held = len(conn.reader.buffer)
        while self.held > MAX_HELD:
            self._make_room()

    def _make_room(self) -> None:
        """Closes at once the connection that has waited longest for its request, or else for its client to read."""
        for waiting in (self.reading, self.sending):
            if waiting:
                self._drop(next(iter(waiting)))
                return

    def _give_up(self, conn: Connection) -> None:
        """Closes a connection whose request did not arrive in time; says so if it had begun."""
        if not conn.reader.buffer:
            self._drop(conn)
            return
        _send_error(conn.sock, HTTPStatus.REQUEST_TIMEOUT)
        self._linger(conn)

    def _linger(self, conn: Connection) -> None:
        """Ends the answer, and closes once the client has, or after LINGER_SECONDS."""
        self._forget(conn)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.sock.setblocking(False)
        conn.deadline = time.monotonic() + LINGER_SECONDS
        self.lingering[conn] = None
        self._on_lingering(conn, conn.sock)
        if conn in self.lingering:
            self._watch(conn, self._on_lingering)

    def _on_lingering(self, conn: Connection, client: socket.socket) -> None:
        try:
            data = client.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _watch(self, conn: Connection, callback: Callable[[Connection, socket.socket], None]) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(callback, conn))
        conn.watched = True

    def _forget(self, conn: Connection) -> None:
        """Takes the connection out of the main loop, and its bytes out of the sum."""
        self.reading.pop(conn, None)
        self.sending.pop(conn, None)
        self.lingering.pop(conn, None)
        self.held -= conn.held
        conn.held = 0
        if conn.watched:
            self.poller.unregister(conn.sock)
            conn.watched = False


class _Captured:
    """A socket for Gunicorn's function that writes an error: it keeps the bytes."""

    def __init__(self) -> None:
        self.data = b""

    def gettimeout(self) -> float:
        return 0.0

    def sendall(self, data: bytes) -> None:
        self.data += data


def _send_error(sock: Any, status: int) -> None:
    """Sends an error in the API's shape, for requests that never reach the site."""
    phrase = HTTPStatus(status).phrase
    request_id = str(uuid.uuid4())
    error = {
        "code": _CODES.get(status, "bad_request"),
        "message": f"{phrase}.",
        "fields": {},
        "request_id": request_id,
    }
    body = json.dumps({"error": error}).encode()
    head = (
        f"HTTP/1.1 {int(status)} {phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"X-Content-Type-Options: nosniff\r\nX-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _send(sock, head.encode() + body)


def _send(sock: Any, data: bytes) -> None:
    """Sends as much as fits into the socket's buffer, without waiting; the connection may be gone."""
    try:
        sock.send(data, socket.MSG_DONTWAIT)
    except OSError:
        return


def _has_connection(listener: Any) -> bool:
    """Whether the listener has a connection to accept."""
    if listener.sock is None:
        return False
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
