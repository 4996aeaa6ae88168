"""Nearest-neighbour search over movies' vectors: by inner product of factors, or by cosine of content.

Two functions in the database run it (migrations 0005 and 0009). They scan all vectors of the version, or search its
HNSW index where there is one (vectors/indexes.py), and return published movies only. A filter is applied first: up to
EXACT_SCAN_LIMIT passing movies are scanned exactly; with more, the index is searched until enough have passed. Where
the index returns too few rows, all vectors are scanned, so a list that can be filled is full.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from numpy.typing import NDArray

from recommendations.models import ITEM_DIMENSIONS

# The largest absolute value of a query in half precision, whose range ends at 65504. An inner product ranks the same at
# any scale.
_LARGEST = 1024.0
# With a filter that this many of 100,000 movies pass, the exact scan takes as long as searching the index until 150 of
# them are found (docs/architecture.md, "Speed").
EXACT_SCAN_LIMIT = 20_000

Nearest = list[tuple[int, float]]


def nearest_by_factors(
    version_id: int,
    query: NDArray[np.floating],
    limit: int,
    exclude: Collection[int] = (),
    passing: QuerySet[Any] | None = None,
) -> Nearest:
    """The ``limit`` published movies whose item factors have the largest inner product with ``query``.

    query: finite, shape (ITEM_DIMENSIONS,); a shorter one is padded with zeros. exclude: ids to leave out. passing:
    selects the ids to search in, all by default. Returns ids with their inner products, best first, each movie once.
    One query.
    """
    scaled, scale = _half_query(query)
    arguments = [version_id, _half_text(scaled), list(exclude), limit]
    found = _found("recommendations_nearest_by_factors", "halfvec", arguments, passing)
    return [(movie_id, product * scale) for movie_id, product in found]


def nearest_to_each_by_factors(
    version_id: int,
    queries: Sequence[NDArray[np.floating]],
    limit: int,
    exclude: Collection[int] = (),
) -> list[set[int]]:
    """For each of ``queries``, the ids of its ``limit`` nearest published movies, in no order. At most one query.

    queries: as for ``nearest_by_factors``. exclude: ids to leave out.
    """
    found: list[set[int]] = [set() for _ in queries]
    if not queries:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT query.place - 1, near.movie_id FROM unnest(%s::text[]) WITH ORDINALITY query (vector, place),
                LATERAL recommendations_nearest_by_factors(
                    %s, query.vector::halfvec, %s::bigint[], %s, NULL, %s) near""",
            [
                [_half_text(_half_query(query)[0]) for query in queries],
                version_id,
                list(exclude),
                limit,
                EXACT_SCAN_LIMIT,
            ],
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
    """The same by the cosine of content vectors with ``query``, which is NaN for a movie without any text.

    query: shape (CONTENT_DIMENSIONS,). One query.
    """
    arguments = [version_id, _text(query), list(exclude), limit]
    return _found("recommendations_nearest_by_content", "vector", arguments, passing)


def _found(function: str, kind: str, arguments: list[Any], passing: QuerySet[Any] | None) -> Nearest:
    ids, params = _ids(passing)
    # A filter makes a new statement each time, which is not worth preparing.
    cursor_of = connection.prepared_cursor if passing is None else connection.cursor  # type: ignore[attr-defined]
    with cursor_of() as cursor:
        # As text: a parameter of pgvector's type names it by its OID, which a restored backup changes.
        cursor.execute(
            f"SELECT movie_id, likeness FROM {function}(%s, %s::text::{kind}, %s::bigint[], %s, {ids}, %s)",  # noqa: S608 -- no input in it.  # nosec B608
            [*arguments, *params, EXACT_SCAN_LIMIT],
        )
        return cursor.fetchall()


def _half_query(query: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """The query within the range of half precision, float64 (ITEM_DIMENSIONS,), and what its products were divided by.

    Padded with zeros at the end.
    """
    padded = np.zeros(ITEM_DIMENSIONS)
    padded[: len(query)] = query
    scale = float(np.abs(padded).max()) / _LARGEST
    return (padded / scale, scale) if scale else (padded, 1.0)


def _ids(passing: QuerySet[Any] | None) -> tuple[str, Sequence[Any]]:
    """The passing ids as a SQL expression with its parameters."""
    if passing is None:
        return "NULL", ()
    statement, params = passing.query.sql_with_params()
    return f"ARRAY({statement})", params


def _text(vector: NDArray[np.floating]) -> str:
    """The vector in pgvector's text format."""
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def _half_text(vector: NDArray[np.floating]) -> str:
    """The same with the digits of half precision."""
    return "[" + ",".join([f"{value:.5g}" for value in vector.tolist()]) + "]"
