"""The movies whose vectors are nearest to one: by inner product of factors, or by cosine of content.

Two functions in the database do it (migration 0005). They look at every vector of the version, or follow its HNSW
index where there is one (vector_indexes.py), and leave out what is not published. A filter is applied first and what
passes is looked at one by one, unless more pass than FEW; the index then goes on searching until enough have passed.
Where an index falls short everything is looked at, so a list that can be filled is full.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from numpy.typing import NDArray

# Looking at so many movies takes as long as following the index of 100,000 until 150 have passed a filter that lets
# this many through (docs/architecture.md, "Speed").
FEW = 20_000

Nearest = list[tuple[int, float]]


def nearest_by_factors(
    version_id: int,
    query: NDArray[np.floating],
    limit: int,
    exclude: Collection[int] = (),
    passing: QuerySet[Any] | None = None,
) -> Nearest:
    """The ``limit`` published movies whose item factors have the largest inner product with ``query``, and that
    product, best first; none of ``exclude``, and of those whose ids ``passing`` selects, each once. One query."""
    arguments = [version_id, _text(query), list(exclude), limit]
    return _found("recommendations_nearest_by_factors", arguments, passing)


def nearest_to_each_by_factors(
    version_id: int,
    queries: Sequence[NDArray[np.floating]],
    limit: int,
    exclude: Collection[int] = (),
) -> list[set[int]]:
    """The ids of the nearest of all published movies for each of several queries, in no order. One query, none for
    none."""
    found: list[set[int]] = [set() for _ in queries]
    if not queries:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT query.place - 1, near.movie_id FROM unnest(%s::text[]) WITH ORDINALITY query (vector, place),
                LATERAL recommendations_nearest_by_factors(
                    %s, query.vector::vector, %s::bigint[], %s, NULL, %s) near""",
            [[_text(query) for query in queries], version_id, list(exclude), limit, FEW],
        )
        for place, movie_id in cursor:
            found[place].add(movie_id)
    return found


def nearest_by_content(
    version_id: int,
    query: NDArray[np.floating],
    limit: int,
    exclude: Collection[int] = (),
    passing: QuerySet[Any] | None = None,
) -> Nearest:
    """The same by the cosine of content vectors with ``query``, which is NaN for a movie of which nothing is known."""
    arguments = [version_id, _text(query), list(exclude), limit]
    return _found("recommendations_nearest_by_content", arguments, passing)


def _found(function: str, arguments: list[Any], passing: QuerySet[Any] | None) -> Nearest:
    ids, params = _ids(passing)
    # Filters make a statement of their own each time.
    cursor_of = connection.prepared_cursor if passing is None else connection.cursor  # type: ignore[attr-defined]
    with cursor_of() as cursor:
        # By way of text: a parameter of pgvector's type would name it by a number that a restored backup changes.
        cursor.execute(
            f"SELECT movie_id, likeness FROM {function}(%s, %s::text::vector, %s::bigint[], %s, {ids}, %s)",  # noqa: S608 -- no input in it.
            [*arguments, *params, FEW],
        )
        return cursor.fetchall()


def _ids(passing: QuerySet[Any] | None) -> tuple[str, Sequence[Any]]:
    """The ids that pass, as an expression in SQL with its parameters."""
    if passing is None:
        return "NULL", ()
    statement, params = passing.query.sql_with_params()
    return f"ARRAY({statement})", params


def _text(vector: NDArray[np.floating]) -> str:
    """The vector as pgvector reads it."""
    return "[" + ",".join(map(str, vector.tolist())) + "]"
