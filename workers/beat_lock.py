"""The lock of the beat that schedules: of two beats, one sends and the other waits to take over."""

from __future__ import annotations

import time

import psycopg
import structlog
from django.db import connection

from movies.db.advisory_locks import session_lock_try_on

logger = structlog.get_logger(__name__)

LOCK = "beat"
_CONNECT_SECONDS = 5
_CHECK_SECONDS = 1.0
# PostgreSQL ends the session, and with it the lock, of a beat that hangs for so long. Each tick takes a few seconds.
_IDLE = "SET idle_session_timeout = '60s'"


class BeatLock:
    """A session lock on a connection of its own, which Django neither closes nor returns to a pool."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        self._held = False
        self._waiting = False
        self._asked_at = float("-inf")

    def held(self) -> bool:
        """Whether this process may schedule. Asks PostgreSQL at most once a second; false while it does not answer."""
        if time.monotonic() - self._asked_at >= _CHECK_SECONDS:
            held = self._ask()
            self._asked_at = time.monotonic()
            if held and not self._held:
                logger.info("beat_schedules")
            elif not held and not self._waiting:
                logger.warning("beat_skipped", reason="another beat schedules, or PostgreSQL does not answer")
            self._held, self._waiting = held, not held
        return self._held

    def release(self) -> None:
        """Lets another beat take over at once."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._held = None, False

    def _ask(self) -> bool:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = None
                params = {**connection.get_connection_params(), "connect_timeout": _CONNECT_SECONDS}
                opened = psycopg.connect(**params, autocommit=True)
                opened.execute(_IDLE)
                self._connection, self._held = opened, False
            if not self._held:
                return session_lock_try_on(self._connection, LOCK)
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            self.release()
            return False
        return True
