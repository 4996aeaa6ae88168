"""A circuit breaker: a Redis that hangs costs a process one time-out, and all other calls fail at once.

A Redis that hangs still accepts connections, and each call waits for the whole socket time-out. With several calls per
request, a few requests would block every thread of a process. So the first call without an answer opens the breaker of
its process; while it is open, all calls raise at once what they would raise after a time-out. A thread asks Redis in
their place, and closes the breaker as soon as it answers. A refused connection does not open the breaker, since it
costs no time.
"""

import contextlib
import threading
import time
from collections.abc import Callable

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

# Seconds between two questions of the thread.
PROBE_SECONDS = 0.25
# A failed connection counts as slow after this many seconds, as when a host name does not resolve.
SLOW_SECONDS = 0.2


class RedisUnavailableError(RedisConnectionError):
    """The breaker is open: Redis gave no answer a moment ago, and the call was not sent."""


class CircuitBreaker:
    """The breaker of one connection pool; closed until a call times out.

    probe: asks Redis once and raises RedisError or OSError if it does not answer; returns whether to go on asking.
    Without one, the breaker is open until a call that was sent before is answered.
    """

    def __init__(self, probe: Callable[[], bool] | None = None) -> None:
        self._probe = probe
        self._open = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Raises RedisUnavailableError while the breaker is open, except to the thread that asks."""
        if not self._open or threading.current_thread() is self._thread:
            return
        self._start()  # A fork takes the state with it, and not the thread.
        raise RedisUnavailableError("Redis does not answer.")

    def failed(self) -> None:
        """Opens the breaker: a call timed out."""
        if not self._open:
            logger.warning("redis_does_not_answer")
        self._open = True
        self._start()

    def answered(self) -> None:
        """Closes the breaker: Redis answered, even if with an error."""
        if self._open:
            self._open = False
            logger.info("redis_answers_again")

    def _start(self) -> None:
        """Starts the thread unless it runs."""
        if self._probe is None:
            return
        with self._lock:
            if self._open and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._ask, name="redis-probe", daemon=True)
                self._thread.start()

    def _ask(self) -> None:
        asking = True
        while self._open and asking and self._probe is not None:
            time.sleep(PROBE_SECONDS)
            with contextlib.suppress(RedisError, OSError):
                asking = self._probe()
