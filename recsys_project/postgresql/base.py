"""The database engine; see the package."""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection
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


def _check(connection: Connection[Any]) -> None:
    """Raises psycopg's error for a connection that is dead; then its pool has dropped all that are."""
    try:
        ConnectionPool.check_connection(connection)
    except Exception:
        pool = getattr(connection, "_pool", None)
        if pool is not None:
            pool.check()
        raise
