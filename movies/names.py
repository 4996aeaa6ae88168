"""Compares names of people and genres in PostgreSQL, so that the result agrees with its unique constraints."""

from collections.abc import Collection, Iterable

from django.db import connection


def name_keys(names: Collection[str]) -> dict[str, str]:
    """The comparison key of each name; names with equal keys are the same. One query, none without names."""
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, movies_name_key(name) FROM unnest(%s::text[]) AS name", [list(names)])
        return dict(cursor.fetchall())


def best_spelled(names: Iterable[str]) -> list[str]:
    """Sorts spellings, best first: mixed case before names in one case, then alphabetically."""
    return sorted(names, key=lambda name: (name.isupper() or name.islower(), name))
