"""The database engine; see the package."""

import select
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Cursor
from psycopg.pq import Format
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, whose pool checks all its connections when one turns out to be dead.

    The pool itself tries one after the other and waits longer each time, 1, 2 and 4 seconds: with as many dead
    connections as a process keeps, a request ended as 503 though PostgreSQL was there.
    """

    @property
    def pool(self) -> ConnectionPool | None:
        """Django's pool, if any. Django itself chooses the check and lets no setting replace it."""
        pool = super().pool
        if pool is not None and pool._check is not None:
            pool._check = _check
        return pool

    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for a statement that most requests run: PostgreSQL reads and plans it once a connection, and what it
        finds is not written out as text and read again, which together halves its time.

        Parameters travel beside the statement, so one whose type PostgreSQL cannot tell needs a cast, and a list is
        ``= ANY(%s::bigint[])``. With ``prepare_threshold`` None nothing is kept planned.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor = Cursor(self.connection)
            cursor.format = Format.BINARY
            return self._prepare_cursor(cursor)  # type: ignore[attr-defined]  # Missing from the stubs.


def _check(connection: Connection[Any]) -> None:
    """Raises psycopg's error for a connection that is dead; then its pool has dropped all that are.

    PostgreSQL says nothing on an idle connection unless it ends it, so one with nothing to be read is alive; to ask it
    would cost every request a round trip.
    """
    unheard = select.poll()
    unheard.register(connection.fileno(), select.POLLIN)
    if not unheard.poll(0):
        return
    try:
        ConnectionPool.check_connection(connection)
    except Exception:
        pool = getattr(connection, "_pool", None)
        if pool is not None:
            pool.check()
        raise
