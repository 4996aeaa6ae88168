"""Moves the rows of one table from a movie to another, and back, in one statement each."""

from django.db import connection

from movies.merging.references import MovieReference

# Primary keys in one row of movies_mergedrows.
_CHUNK = 5_000


def rows_move(*, reference: MovieReference, merge_id: int, duplicate_id: int, target_id: int) -> int:
    """Gives the duplicate's rows to the target, and stores which; returns how many.

    A row that the target has already, by its unique columns, stays.
    """
    table, column = reference.table, reference.column
    same = " AND ".join(f"other.{name} = {table}.{name}" for name in reference.unique)
    free = f"AND NOT EXISTS (SELECT FROM {table} other WHERE other.{column} = %(target)s AND {same})" if same else ""
    statement = f"""
        WITH moved AS (
            UPDATE {table} SET {column} = %(target)s WHERE {column} = %(duplicate)s {free} RETURNING id
        ), stored AS (
            INSERT INTO movies_mergedrows (merge_id, "table", ids)
            SELECT %(merge)s, %(table)s, array_agg(id ORDER BY id)
            FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / {_CHUNK} AS chunk FROM moved) numbered
            GROUP BY chunk RETURNING cardinality(ids) AS size
        )
        SELECT coalesce(sum(size), 0) FROM stored
    """  # noqa: S608 -- names of our own.
    values: dict[str, int | str] = {"target": target_id, "duplicate": duplicate_id, "merge": merge_id, "table": table}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.fetchone()[0])


def rows_move_back(*, reference: MovieReference, merge_id: int, duplicate_id: int, target_id: int) -> int:
    """Gives the rows that the merge moved back to the duplicate, unless they are elsewhere by now; returns how many."""
    table, column = reference.table, reference.column
    statement = f"""
        UPDATE {table} SET {column} = %(duplicate)s
        FROM movies_mergedrows chunk CROSS JOIN LATERAL unnest(chunk.ids) AS moved (id)
        WHERE chunk.merge_id = %(merge)s AND chunk."table" = %(table)s
            AND {table}.id = moved.id AND {table}.{column} = %(target)s
    """  # noqa: S608 -- names of our own.
    values: dict[str, int | str] = {"target": target_id, "duplicate": duplicate_id, "merge": merge_id, "table": table}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def rows_count(*, reference: MovieReference, movie_id: int) -> int:
    """How many rows of the table name the movie."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {reference.table} WHERE {reference.column} = %s", [movie_id])  # noqa: S608  # nosec B608
        return int(cursor.fetchone()[0])


def array_replace(*, table: str, column: str, duplicate_id: int, target_id: int) -> int:
    """Replaces the duplicate's id in arrays by the target's, once in each; returns how many arrays."""
    statement = f"""
        UPDATE {table} SET {column} = CASE
            WHEN %(target)s = ANY({column}) THEN array_remove({column}, %(duplicate)s)
            ELSE array_replace({column}, %(duplicate)s, %(target)s)
        END WHERE %(duplicate)s = ANY({column})
    """  # noqa: S608 -- names of our own.
    with connection.cursor() as cursor:
        cursor.execute(statement, {"target": target_id, "duplicate": duplicate_id})
        return cursor.rowcount
