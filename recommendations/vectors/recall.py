"""The recall of vector search: how many of the truly nearest movies it finds.

An HNSW index finds most of them, and fewer after many updates; nothing but an exact search shows it.
"""

from dataclasses import dataclass

import numpy as np
from django.db import connection

from recommendations.models import ITEM_DIMENSIONS, MovieEmbedding
from recommendations.vectors.binary import binary_half_column, parse_half_vector
from recommendations.vectors.search import nearest_by_factors

# The movies whose neighbours are searched, and how many neighbours of each.
SAMPLE = 20
WANTED = 20
# "+ 0" keeps PostgreSQL from using the index.
_EXACT = """
    SELECT e.movie_id FROM recommendations_movieembedding e JOIN movies_movie m ON m.id = e.movie_id
    WHERE e.version_id = %s AND m.status = 'published' AND e.item_factors IS NOT NULL
    ORDER BY (e.item_factors <#> %s::text::halfvec) + 0, e.movie_id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Recall:
    """recall: 0 to 1, the mean over ``sampled`` movies; index: its name, whether it exists or not."""

    recall: float
    sampled: int
    index: str
    indexed: bool


def measure_recall(*, version_id: int) -> Recall | None:
    """Searches the neighbours of up to SAMPLE movies, evenly spread over the ids, with the search that serves lists and
    exactly. None without any. Three queries and two for each movie; an exact one takes 0.1 s for 100,000 movies.
    """
    rows = MovieEmbedding.objects.filter(
        version_id=version_id, movie__status="published", item_factors__isnull=False, query_factors__isnull=False
    ).order_by("movie_id")
    ids = list(rows.values_list("movie_id", flat=True))
    if not ids:
        return None
    chosen = sorted({ids[int(place)] for place in np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids)))})
    shares = []
    for factors in rows.filter(movie_id__in=chosen).values_list(binary_half_column("query_factors"), flat=True):
        query = np.zeros(ITEM_DIMENSIONS, np.float32)
        given = parse_half_vector(factors)
        query[: len(given)] = given
        # Of a movie that the model knows nothing of, every order is right.
        if query.any():
            shares.append(_share(version_id, query))
    name = f"embedding_factors_{version_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        (indexed,) = cursor.fetchone()
    return Recall(float(np.mean(shares)), len(shares), name, indexed) if shares else None


def _share(version_id: int, query: np.ndarray) -> float:
    """The share of one query's true neighbours that the search finds; query: float32 (ITEM_DIMENSIONS,)."""
    text = "[" + ",".join(map(str, query.tolist())) + "]"
    with connection.cursor() as cursor:
        cursor.execute(_EXACT, [version_id, text, WANTED])
        right = {movie_id for (movie_id,) in cursor.fetchall()}
    found = {movie_id for movie_id, _ in nearest_by_factors(version_id, query, WANTED)}
    return len(right & found) / len(right)
