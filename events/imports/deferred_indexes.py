"""Loads an empty table faster: keys, indexes and foreign keys are built after the rows, not with each row.

Checking two foreign keys and updating three indexes per row takes three quarters of the time of a first load. In one
transaction, this module drops them, lets the caller insert the rows, and recreates them unchanged, which checks all
rows by a join. If anything fails, the rollback restores them, and no other transaction ever sees the table without its
constraints. The cost is an exclusive lock on the table and on those it references until the transaction ends, so use
it only for a table that is almost empty.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction

# How long to wait for the locks before loading with the indexes in place.
_LOCK_WAIT = "3s"


@dataclass(frozen=True)
class _Definition:
    """The SQL definition of a constraint or index (pg_get_constraintdef, pg_get_indexdef)."""

    name: str
    sql: str


def try_exclusive_lock(table: str) -> bool:
    """Locks the table and the tables it references until the transaction ends; returns whether it did.

    False if other sessions use the tables for longer than the lock timeout, if the database role does not own them, or
    if other tables reference this one, since their foreign keys depend on an index that would be dropped.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT class.oid::regclass::text,
                pg_has_role(class.relowner, 'USAGE')
                AND NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = %(table)s::regclass)
            FROM pg_class class
            WHERE class.oid = %(table)s::regclass OR class.oid IN (
                SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = %(table)s::regclass
            )
            ORDER BY class.oid <> %(table)s::regclass, 1
            """,
            {"table": table},
        )
        found = cursor.fetchall()
        if not all(free for _, free in found):
            return False
        try:
            with transaction.atomic():
                cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
                cursor.execute(f"LOCK TABLE {', '.join(name for name, _ in found)} IN ACCESS EXCLUSIVE MODE")
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
        except OperationalError:  # The lock timeout, or a deadlock.
            return False
    return True


@contextmanager
def deferred_indexes(table: str) -> Iterator[None]:
    """Drops the table's keys, foreign keys and indexes, and recreates them at the end of the block.

    Call ``try_exclusive_lock`` first. Raises ``IntegrityError`` at the end if a row violates one of them.
    """
    with connection.cursor() as cursor:
        # Deferred checks that are still pending would block ALTER TABLE.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        foreign = _constraints(cursor, table, "f")
        keys = [*_constraints(cursor, table, "p"), *_constraints(cursor, table, "u")]
        indexes = _plain_indexes(cursor, table)
        quote = connection.ops.quote_name
        for constraint in [*foreign, *keys]:
            cursor.execute(f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(constraint.name)}")
        for index in indexes:
            cursor.execute(f"DROP INDEX {quote(index.name)}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for constraint in keys:
            cursor.execute(f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(constraint.name)} {constraint.sql}")
        for index in indexes:
            cursor.execute(index.sql)
        for constraint in foreign:
            cursor.execute(f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(constraint.name)} {constraint.sql}")


def _constraints(cursor: Any, table: str, kind: str) -> list[_Definition]:
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = %s ORDER BY conname",
        [table, kind],
    )
    return [_Definition(*row) for row in cursor.fetchall()]


def _plain_indexes(cursor: Any, table: str) -> list[_Definition]:
    """The indexes that belong to no constraint."""
    cursor.execute(
        """
        SELECT class.relname, pg_get_indexdef(class.oid)
        FROM pg_index JOIN pg_class class ON class.oid = pg_index.indexrelid
        WHERE indrelid = %s::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = class.oid AND contype IN ('p', 'u', 'x'))
        ORDER BY class.relname
        """,
        [table],
    )
    return [_Definition(*row) for row in cursor.fetchall()]
