"""PostgreSQL advisory locks: one import, one training, one publishing at a time, whatever process or machine asks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import Error, connection

logger = structlog.get_logger(__name__)

# The first half of each key, so that other users of advisory locks in the same database do not meet ours.
_NAMESPACE = 0x5EC5


class LockLostError(Exception):
    """The connection that held a lock broke, so another process may hold it now: nothing more may be written."""


def _key(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31


@contextmanager
def session_lock(name: str) -> Iterator[bool]:
    """Take the lock ``name`` if it is free; the block is told whether it is now ours.

    It belongs to this process's connection: a process that dies, however it dies, lets go of it. A block that goes on
    for long and writes at its end asks session_lock_held first. Not to be entered in a transaction that may fail, which
    could not let go of it again; not for PgBouncer in transaction mode.
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
    """A connection that broke in the meantime has let go of the lock already, and so says no more than that."""
    try:
        if session_lock_held(name):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, _key(name)])
    except Error as error:
        logger.warning("lock_already_gone", lock=name, reason=str(error))
        close_broken_connection()


def close_broken_connection() -> None:
    """Let the next query make a new connection where this one broke; Django by itself uses it until the task's end.

    A sound one stays: a pool would hand it, with the locks it holds, to somebody else.
    """
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def session_lock_held(name: str) -> bool:
    """Whether this very connection holds the lock; one that was made after the first had broken does not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
            " AND classid = %s AND objid = %s AND objsubid = 2)",
            [_NAMESPACE, _key(name) % 2**32],
        )
        return bool(cursor.fetchone()[0])


def transaction_lock(name: str, *, on_wait: Callable[[], None] | None = None) -> None:
    """Wait for the lock ``name`` and hold it until the current transaction ends.

    ``on_wait`` is called first if somebody else holds it.
    """
    key = [_NAMESPACE, _key(name)]
    with connection.cursor() as cursor:
        if on_wait:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", key)
            if cursor.fetchone()[0]:
                return
            on_wait()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", key)
