"""A circuit breaker: while Redis hangs, one call a second waits for its time-out and the others fail at once.

A Redis that hangs still accepts connections, and each call waits for the whole socket time-out. With several calls per
request, a few requests would block every thread of a process. So the first call without an answer opens the breaker of
its process; while it is open, other calls raise at once what they would raise after a time-out. A refused connection
does not open the breaker, since it costs no time.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisConnectionError

# Seconds until an open breaker lets one call try again; an urgent call may try sooner.
RETRY_SECONDS = 1.0
URGENT_RETRY_SECONDS = 0.3
# A failed connection counts as slow after this many seconds, as when a host name does not resolve.
SLOW_SECONDS = 0.2

_caller = threading.local()


class RedisUnavailableError(RedisConnectionError):
    """The breaker is open: Redis gave no answer a moment ago, and the call was not sent."""


@contextmanager
def urgent() -> Iterator[None]:
    """Lets calls of this thread try an open breaker every ``URGENT_RETRY_SECONDS``, for writes that must reach Redis as
    soon as it answers."""
    _caller.urgent = True
    try:
        yield
    finally:
        _caller.urgent = False


class CircuitBreaker:
    """The breaker of one connection pool; closed until a call times out."""

    def __init__(self) -> None:
        self._open = False
        self._lock = threading.Lock()
        self._retry_at = self._urgent_at = 0.0

    def check(self) -> None:
        """Raises RedisUnavailableError while the breaker is open, except for the one call that is due to try."""
        if not self._open:
            return
        with self._lock:
            now = time.monotonic()
            if self._open and now < (self._urgent_at if getattr(_caller, "urgent", False) else self._retry_at):
                raise RedisUnavailableError("Redis does not answer.")
            self._postpone(now)

    def failed(self) -> None:
        """Opens the breaker: a call timed out."""
        with self._lock:
            self._open = True
            self._postpone(time.monotonic())

    def answered(self) -> None:
        """Closes the breaker: Redis answered, even if with an error."""
        self._open = False

    def _postpone(self, now: float) -> None:
        self._retry_at, self._urgent_at = now + RETRY_SECONDS, now + URGENT_RETRY_SECONDS
