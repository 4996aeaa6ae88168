"""The movies near one movie, with how near they are by taste and by content."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector.django import CosineDistance, MaxInnerProduct

from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.models import ITEM_DIMENSIONS, MovieEmbedding
from recommendations.vectors.binary import binary_column, binary_half_column, parse_half_vector, parse_vector
from recommendations.vectors.search import nearest_by_content, nearest_by_factors


@dataclass(frozen=True)
class Neighbours:
    """n movies near one movie, unordered, with their scores.

    by_taste: inner product of the movie's few-shot query factors with each item's, NaN without factors, float32 (n,);
    by_content: cosine similarity of the content vectors, float32 (n,).
    """

    movie_ids: list[int]
    by_taste: NDArray[np.float32]
    by_content: NDArray[np.float32]


def similar_movies(version_id: int, movie_id: int, limit: int, exclude: Collection[int] = ()) -> Neighbours | None:
    """The union of the ``limit`` published movies nearest to one by taste and the ``limit`` nearest by content.

    exclude: ids of movies to leave out, beside the movie itself.
    None if the version has no vectors for the movie. At most four queries.
    """
    own = (
        MovieEmbedding.objects.filter(version_id=version_id, movie_id=movie_id)
        .values_list(binary_half_column("query_factors"), binary_column("content"))
        .first()
    )
    if own is None:
        return None
    query = None if own[0] is None else _few_shot_query(own[0])
    content, never = parse_vector(own[1]), {movie_id, *exclude}
    by_content = dict(nearest_by_content(version_id, content, limit, never))
    by_taste = {}
    if query is not None and query.any():
        by_taste = dict(nearest_by_factors(version_id, query, limit, never))
    # Each search returns one of the two scores; the database computes the other where it is missing.
    known = by_taste if query is not None else by_content
    rows = MovieEmbedding.objects.filter(version_id=version_id, movie_id__any_of=by_content.keys() ^ known.keys())
    taste = MaxInnerProduct("item_factors", np.zeros(ITEM_DIMENSIONS) if query is None else query)
    for other, product, distance in rows.values_list("movie_id", taste, CosineDistance("content", content)):
        by_content[other] = 1.0 - distance
        if product is not None:
            by_taste[other] = -product
    ids = sorted(by_content)
    tastes = [by_taste.get(other, np.nan) if query is not None else np.nan for other in ids]
    return Neighbours(
        ids, np.array(tastes, np.float32), np.nan_to_num(np.array([by_content[other] for other in ids], np.float32))
    )


def _few_shot_query(query_factors: bytes) -> NDArray[np.float32]:
    """A query for what is similar, not for what comes next: the few-shot part, then zeros; (ITEM_DIMENSIONS,)."""
    query = np.zeros(ITEM_DIMENSIONS, np.float32)
    query[:FEW_SHOT_DIMENSIONS] = parse_half_vector(query_factors)[:FEW_SHOT_DIMENSIONS]
    return query
