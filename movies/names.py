"""Names of people and genres as PostgreSQL compares them, so that nothing here can disagree with its unique keys."""

from collections.abc import Collection, Iterable

from django.db import connection


def name_keys(names: Collection[str]) -> dict[str, str]:
    """The key of each name: equal keys are one name. One query, none for no names."""
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, movies_name_key(name) FROM unnest(%s::text[]) AS name", [list(names)])
        return dict(cursor.fetchall())


def best_spelled(names: Iterable[str]) -> list[str]:
    """The names in a fixed order, those all in one case last: of several spellings the first is the one to keep."""
    return sorted(names, key=lambda name: (name.isupper() or name.islower(), name))
