"""The web worker with a fast lane: connections whose requests the lane answers never leave the main loop."""

import os
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from recsys_project.connection_balance import PAUSE_SECONDS, counts
from recsys_project.web_worker import SEND_SECONDS, Connection, DrainingWorker

_BLOCK = 64 * 1024
# How often the loop wakes up while something waits for the clock.
_TICK_SECONDS = 0.05


class FastWorker(DrainingWorker):
    """``kept``: connections that wait for their next request under the lane's watch, in the order of their time-outs.

    A connection of the lane stays registered with the poller, which saves two system calls a request. Probes have a
    thread of their own, so that they are answered while all others are busy.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept: OrderedDict[Connection, None] = OrderedDict()
        self.registered: set[Connection] = set()
        self.lane: Any = None
        self.watch: Any = None
        self.warming: Any = None
        self.probes: ThreadPoolExecutor | None = None
        # Listeners that leave the next connection to another process, and until when.
        self.paused: dict[Any, float] = {}

    def init_process(self) -> None:
        self.probes = ThreadPoolExecutor(1, "probes")
        super().init_process()

    def run(self) -> None:
        if os.environ.get("FAST_PATH", "1") != "0":
            self._start_lane()
        try:
            super().run()
        finally:
            if self.watch is not None:
                self.watch.end()
                self.warming.end()
                self.lane.close()

    def _start_lane(self) -> None:
        """After the fork and once the project is loaded."""
        from recsys_project.fast_path.lane import Lane  # noqa: PLC0415 -- Gunicorn reads this module first.
        from recsys_project.fast_path.warming import Warming  # noqa: PLC0415
        from recsys_project.fast_path.watch import Watch  # noqa: PLC0415

        if not Lane.is_possible():
            self.log.warning("The fast path is off: there is middleware or a setting that it does not know.")
            return
        self.lane = Lane(self._from_lane, self._in_thread)
        self.lane.sees_addresses = self.cfg.proxy_protocol == "off"
        self.watch = Watch(self.lane, self.method_queue.defer, self._linked)
        self.watch.start()
        self.warming = Warming()
        self.warming.start()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Handles the events, then sends what they have given to the lane, all at once."""
        lane = self.lane
        if self.paused:
            timeout = min(timeout, PAUSE_SECONDS)
        elif lane is not None and (lane.is_waiting or lane.has_records):
            timeout = min(timeout, _TICK_SECONDS)
        super().wait_for_and_dispatch_events(timeout)
        if lane is not None:
            lane.flush()
            lane.expire()
        self._count()
        now = time.monotonic()
        for listener in [one for one, ends in self.paused.items() if ends <= now]:
            self._resume(listener)

    def accept(self, listener: Any) -> None:
        """Accepts a connection, unless another process has fewer: then that one may, for a moment."""
        fewest = counts.fewest_of_others(self.pid) if self.alive else None
        if fewest is not None and self.nr_conns > fewest:
            self.poller.unregister(listener)
            self.paused[listener] = time.monotonic() + PAUSE_SECONDS
            return
        super().accept(listener)
        self._count()

    def set_accept_enabled(self, enabled: bool) -> None:
        for listener in list(self.paused):
            del self.paused[listener]
            self.poller.register(listener, selectors.EVENT_READ, self.accept)
        if not enabled:
            counts.remove(self.pid)
        super().set_accept_enabled(enabled)

    def _resume(self, listener: Any) -> None:
        """Accepts what nobody else has accepted, if anything, and goes on."""
        del self.paused[listener]
        super().accept(listener)
        self.poller.register(listener, selectors.EVENT_READ, self.accept)

    def _count(self) -> None:
        if self.alive and self._accepting:
            counts.write(self.age, self.pid, self.nr_conns)

    def dispatch(self, conn: Connection) -> None:
        """Gives a complete request to the lane, or else to a thread."""
        if self.alive and self.lane is not None and self.lane.offer(conn):
            return
        self._leave(conn)
        super().dispatch(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Gives a request to a thread: probes to their own."""
        if self.probes is None or not conn.is_probe:
            super().enqueue_req(conn)
            return
        done = self.probes.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def murder_keepalived(self, force: bool = False) -> None:
        super().murder_keepalived(force)
        now = time.monotonic()
        while self.kept and (force or next(iter(self.kept)).timeout <= now):
            self._end(next(iter(self.kept)))

    def _cap_keepalive(self, deadline: float) -> None:
        """On shutdown, connections that the lane keeps are like all others."""
        for conn in list(self.kept):
            del self.kept[conn]
            self._leave(conn)
            conn.timeout = deadline
            self.keep(conn)
        super()._cap_keepalive(deadline)

    def _linked(self) -> None:
        """The lane has a new connection to Redis."""
        self.poller.register(self.lane.link.fileno(), selectors.EVENT_READ, self._on_redis)
        lost = self.lane.on_lost
        number = self.lane.link.fileno()

        def on_lost(slow: bool) -> None:
            self.poller.unregister(number)
            lost(slow)

        self.lane.on_lost = on_lost

    def _on_redis(self, _file: Any) -> None:
        self.lane.read()

    def _in_thread(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Runs the work in one of the threads that requests have, then the rest in the main loop."""
        done = self.tpool.submit(work)
        done.add_done_callback(lambda future: self.method_queue.defer(then, _result(future)))

    def _from_lane(self, conn: Connection, answer: bytes | None) -> None:
        """Sends the lane's answer, or gives the request to a thread."""
        if answer is None:
            self._leave(conn)
            super().dispatch(conn)
            return
        conn.reader.take()
        try:
            sent = conn.sock.send(answer)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._end(conn)
            return
        if sent == len(answer):
            self._next(conn)
            return
        self._leave(conn)
        try:
            # Keeps what the client does not take now, for the main loop to send.
            conn.sock.sendall(memoryview(answer)[sent:])
        except OSError:
            self._end(conn)
            return
        conn.deadline = time.monotonic() + SEND_SECONDS
        self.sending[conn] = True
        self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._on_writable, conn))
        conn.watched = True

    def _answered(self, conn: Connection, kept: bool) -> None:
        """A slow client has taken its answer: the lane's, if no thread has ever answered on this connection."""
        if conn.parser is None:
            self._next(conn)
        else:
            super()._answered(conn, kept)

    def _next(self, conn: Connection) -> None:
        """Waits for the next request of a connection whose answer is sent."""
        if not self.alive:
            self._leave(conn)
            self.keep(conn)
        elif conn.reader.complete:
            self.dispatch(conn)
        elif conn.reader.buffer:
            self._leave(conn)
            self._collect(conn)
        else:
            conn.set_timeout()
            self.kept[conn] = None
            if conn not in self.registered:
                self.registered.add(conn)
                self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_kept_readable, conn))

    def _on_kept_readable(self, conn: Connection, client: socket.socket) -> None:
        """The next request arrives, or the client has gone."""
        if conn not in self.kept:
            # Its request is still with the lane: what comes after it is read when it is answered.
            self._leave(conn)
            return
        try:
            data = client.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(conn)
            return
        del self.kept[conn]
        conn.reader.feed(data)
        if conn.reader.complete:
            self.dispatch(conn)
        else:
            self._leave(conn)
            self._collect(conn)

    def _leave(self, conn: Connection) -> None:
        """Takes the connection from the lane's poller, for whoever handles it next."""
        if conn in self.registered:
            self.registered.discard(conn)
            self.poller.unregister(conn.sock)

    def _end(self, conn: Connection) -> None:
        self.kept.pop(conn, None)
        self._leave(conn)
        self._drop(conn)


def _result(future: Future) -> Any:
    """What the work returned; None if it failed or was not done."""
    return None if future.cancelled() or future.exception() is not None else future.result()
