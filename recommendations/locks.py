"""PostgreSQL advisory locks: one training, one publishing, one refresh at a time, whatever process or machine asks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# The first half of each key, so that other users of advisory locks in the same database do not meet ours.
_NAMESPACE = 0x5EC5


def _key(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31


@contextmanager
def session_lock(name: str) -> Iterator[bool]:
    """Take the lock ``name`` if it is free; the block is told whether it is now ours.

    It belongs to this process's connection: a process that dies, however it dies, lets go of it. Not to be entered in
    a transaction that may fail, which could not let go of it again; not for PgBouncer in transaction mode.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_NAMESPACE, _key(name)])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        # A connection that broke in the meantime has let go of the lock already.
        if held and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_NAMESPACE, _key(name)])


def transaction_lock(name: str) -> None:
    """Wait for the lock ``name`` and hold it until the current transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_NAMESPACE, _key(name)])
