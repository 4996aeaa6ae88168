"""PostgreSQL advisory locks: across processes and machines, one import, training or publication at a time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import structlog
from django.db import Error, connection
from psycopg.pq import TransactionStatus

logger = structlog.get_logger(__name__)

# The first half of each key, so that the keys differ from those of other applications in the same database.
_NAMESPACE = 0x5EC5
# By default PostgreSQL finds out at the end of a statement that its client died, and keeps the lock until then.
_TRY = "SELECT pg_try_advisory_lock(%s, %s), set_config('client_connection_check_interval', '2s', false)"
_PAUSE_SECONDS = 0.2
_HOLDER = """
    SELECT pg_terminate_backend(pid, %s) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = %s AND classid = %s AND objid = %s AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_TERMINATION_MILLISECONDS = 10_000


class LockLostError(Exception):
    """The connection that held a lock broke, so another process may hold it now: stop writing."""


def _key(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31


@contextmanager
def session_lock(name: str, *, patience: float = 0.0) -> Iterator[bool]:
    """Tries to acquire the lock ``name``, for ``patience`` seconds; yields whether it was acquired.

    The lock belongs to the connection, so it is released when the process dies, within seconds in the middle of a
    statement too. A long block that writes at its end
    checks session_lock_held first. Do not enter it in a transaction that may fail, since a failed transaction cannot
    release the lock. It does not work with PgBouncer in transaction mode.
    """
    deadline = time.monotonic() + patience
    while not (held := _try(name)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    try:
        yield held
    finally:
        if held:
            _release(name)


def _try(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TRY, [_NAMESPACE, _key(name)])
        return bool(cursor.fetchone()[0])


def session_lock_try_on(other: psycopg.Connection[Any], name: str) -> bool:
    """Tries to acquire the lock ``name`` on another connection than Django's; returns whether it was acquired."""
    row = other.execute("SELECT pg_try_advisory_lock(%s, %s)", [_NAMESPACE, _key(name)]).fetchone()
    return bool(row and row[0])


def _release(name: str) -> None:
    """Releases the lock. If the connection broke, PostgreSQL has released it already, so this only logs."""
    try:
        if session_lock_held(name):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, _key(name)])
    except Error as error:
        logger.warning("lock_already_gone", lock=name, reason=str(error))
        close_broken_connection()


def close_broken_connection() -> bool:
    """Closes a broken connection, so that the next query opens a new one; Django keeps it until the task ends.

    Returns whether it did: PostgreSQL may hold the locks of the closed one for a moment.

    A working connection stays open: the pool would give it, with the locks it holds, to another user. A statement that
    an exception interrupted is cancelled, or PostgreSQL would go on with it and keep the locks until its end.
    """
    _cancel_interrupted()
    broken = connection.connection is not None and not connection.in_atomic_block and not connection.is_usable()
    if broken:
        connection.close()
    return broken


def _cancel_interrupted() -> None:
    """psycopg does so for KeyboardInterrupt and SystemExit, not for what a signal handler of Celery raises."""
    opened = connection.connection
    if opened is None or opened.pgconn.transaction_status != TransactionStatus.ACTIVE:
        return
    try:
        opened.cancel_safe(timeout=5.0)
    except psycopg.Error as error:
        logger.warning("statement_not_cancelled", reason=str(error))


def session_lock_terminate(name: str, *, backend: int) -> bool:
    """Ends the database session with this process id if it holds the lock ``name``; returns whether it did.

    Waits until it has ended, for 10 seconds at most. Only roles that may end the other's sessions can: its own role.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLDER, [_TERMINATION_MILLISECONDS, backend, _NAMESPACE, _key(name) % 2**32])
        row = cursor.fetchone()
    return bool(row and row[0])


def session_lock_held(name: str) -> bool:
    """Whether the current connection holds the lock; a connection opened after a broken one does not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
            " AND classid = %s AND objid = %s AND objsubid = 2)",
            [_NAMESPACE, _key(name) % 2**32],
        )
        return bool(cursor.fetchone()[0])


def transaction_lock(name: str, *, on_wait: Callable[[], None] | None = None) -> None:
    """Waits for the lock ``name`` and holds it until the current transaction ends.

    Calls ``on_wait`` before it waits, if another session holds the lock.
    """
    key = [_NAMESPACE, _key(name)]
    with connection.cursor() as cursor:
        if on_wait:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", key)
            if cursor.fetchone()[0]:
                return
            on_wait()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", key)


def transaction_lock_try(name: str) -> bool:
    """Takes the lock ``name`` until the current transaction ends, if it is free now; returns whether it did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_NAMESPACE, _key(name)])
        return bool(cursor.fetchone()[0])
