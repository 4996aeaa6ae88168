"""A circuit breaker: while Redis hangs, one call a second waits for its time-out and the others fail at once.

A Redis that was stopped or cut off still takes connections, and each call to it takes the whole socket time-out. With
one on each of several calls a request, a few requests hold every thread of a process. So the first call that gets no
answer opens the breaker of its process; who calls meanwhile is told that Redis is away, as they would be a time-out
later. A refused connection opens nothing: it costs no time.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisConnectionError

# An open breaker lets one call try again after so many seconds, and an urgent one sooner.
RETRY_SECONDS = 1.0
URGENT_RETRY_SECONDS = 0.3
# An attempt to connect that fails after so many seconds was waited for, as when a name is not resolved.
SLOW_SECONDS = 0.2

_caller = threading.local()


class RedisAwayError(RedisConnectionError):
    """Redis gave no answer a moment ago, and was not asked again."""


@contextmanager
def urgent() -> Iterator[None]:
    """Calls of this thread inside the block may try an open breaker as often as ``URGENT_RETRY_SECONDS``: for what must
    reach Redis as soon as it answers."""
    _caller.urgent = True
    try:
        yield
    finally:
        _caller.urgent = False


class CircuitBreaker:
    """One for each pool of connections; closed until a call has waited in vain."""

    def __init__(self) -> None:
        self._open = False
        self._lock = threading.Lock()
        self._retry_at = self._urgent_at = 0.0

    def check(self) -> None:
        """Raises RedisAwayError while the breaker is open, but for the one caller whose turn it is to try."""
        if not self._open:
            return
        with self._lock:
            now = time.monotonic()
            if self._open and now < (self._urgent_at if getattr(_caller, "urgent", False) else self._retry_at):
                raise RedisAwayError("Redis does not answer.")
            self._postpone(now)

    def failed(self) -> None:
        """A call waited and got no answer."""
        with self._lock:
            self._open = True
            self._postpone(time.monotonic())

    def answered(self) -> None:
        """Redis answered, if only by an error."""
        self._open = False

    def _postpone(self, now: float) -> None:
        self._retry_at, self._urgent_at = now + RETRY_SECONDS, now + URGENT_RETRY_SECONDS
