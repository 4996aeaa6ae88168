"""The database engine; the package's docstring describes it."""

import re
import select
from typing import Any

import structlog
from django.conf import settings
from django.db.backends.utils import CursorWrapper
from django_prometheus.db.backends.postgresql import base
from psycopg import Connection, Cursor
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class DatabaseWrapper(base.DatabaseWrapper):
    """django-prometheus' PostgreSQL backend, whose pool checks all its connections when it finds a dead one.

    psycopg's pool tries one connection after the other and waits 1, 2 and 4 seconds in between. With several dead
    connections in a process, requests ended as 503 although PostgreSQL was available.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(with_request_id)

    @property
    def pool(self) -> ConnectionPool | None:
        """Django's pool, if any, with its check replaced, for which Django has no setting."""
        pool = super().pool
        if pool is not None and pool._check is not None:
            pool._check = _check
        return pool

    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for statements that most requests run: server-side prepared, with binary results, in half the time.

        Parameters are bound by the server, so one whose type PostgreSQL cannot infer needs a cast, and a list is
        written as ``= ANY(%s::bigint[])``. With ``prepare_threshold`` None, statements are not prepared. The metrics
        ``django_db_*`` leave out what this cursor executes.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor = Cursor(self.connection)
            cursor.format = Format.BINARY
            return self._prepare_cursor(cursor)


def with_request_id(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Adds ``/* request_id=... */`` to a statement if SQL_REQUEST_ID is set, in a request or its tasks.

    Prepared statements stay without: a comment would make each a new statement, to be planned again.
    """
    if settings.SQL_REQUEST_ID and isinstance(sql, str) and context["cursor"].cursor.format != Format.BINARY:
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        # Ids come from clients: nothing else may end the comment or hold a placeholder.
        if _ID.fullmatch(request_id):
            sql = f"{sql} /* request_id={request_id} */"
    return execute(sql, params, many, context)


def _check(connection: Connection[Any]) -> None:
    """Raises psycopg's error if the connection is dead, after its pool has dropped all dead connections.

    PostgreSQL sends nothing on an idle connection unless it closes it, so a connection without unread data is alive.
    A query instead would cost each request a round trip.
    """
    readable = select.poll()
    readable.register(connection.fileno(), select.POLLIN)
    if not readable.poll(0):
        return
    try:
        ConnectionPool.check_connection(connection)
    except Exception:
        pool = getattr(connection, "_pool", None)
        if pool is not None:
            pool.check()
        raise
