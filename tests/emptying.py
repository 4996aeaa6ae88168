"""Empties the tables that a test with real commits has written, instead of all of them."""

from functools import cache

from django.db import connection, transaction
from django.test import TransactionTestCase

# What a deletion from other tables adds to: a trigger notes each person whose access ends.
_LAST = "accounts_accesschange"
# Deleted rows stay in the table for a minute or more, and these are large.
_TRUNCATED = "recommendations_movieembedding"
# Made from the models; emptied tables would be filled with the same rows again.
_KEPT = {"django_content_type", "auth_permission"}


def install() -> None:
    """Replaces Django's flush, which truncates each table and looks for missing permissions: 0.2 s a test."""
    TransactionTestCase._fixture_teardown = lambda self: empty_written_tables()  # type: ignore[method-assign]


def empty_written_tables() -> None:
    """Deletes all rows of all models' tables, except the content types and permissions."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_question())
        for (table,) in cursor.fetchall():
            verb = "TRUNCATE" if table == _TRUNCATED else "DELETE FROM"
            cursor.execute(f"{verb} {connection.ops.quote_name(table)}")
        cursor.execute(f"DELETE FROM {_LAST}")


@cache
def _question() -> str:
    """Asks which tables have rows."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT FROM {connection.ops.quote_name(name)})"
        for name in sorted(set(names) - _KEPT - {_LAST})
    )
