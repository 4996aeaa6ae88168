"""PostgreSQL advisory locks: across processes and machines, one import, training or publication at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import Error, connection

logger = structlog.get_logger(__name__)

# The first half of each key, so that the keys differ from those of other applications in the same database.
_NAMESPACE = 0x5EC5


class LockLostError(Exception):
    """The connection that held a lock broke, so another process may hold it now: stop writing."""


def _key(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31


@contextmanager
def session_lock(name: str) -> Iterator[bool]:
    """Tries to acquire the lock ``name`` without waiting; yields whether it was acquired.

    The lock belongs to the connection, so it is released when the process dies. A long block that writes at its end
    checks session_lock_held first. Do not enter it in a transaction that may fail, since a failed transaction cannot
    release the lock. It does not work with PgBouncer in transaction mode.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_NAMESPACE, _key(name)])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            _release(name)


def _release(name: str) -> None:
    """Releases the lock. If the connection broke, PostgreSQL has released it already, so this only logs."""
    try:
        if session_lock_held(name):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, _key(name)])
    except Error as error:
        logger.warning("lock_already_gone", lock=name, reason=str(error))
        close_broken_connection()


def close_broken_connection() -> None:
    """Closes a broken connection, so that the next query opens a new one; Django keeps it until the task ends.

    A working connection stays open: the pool would give it, with the locks it holds, to another user.
    """
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


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
