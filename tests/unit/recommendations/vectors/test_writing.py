"""Vectors as they are written: narrow ones padded, large ones within half precision."""

import numpy as np
from django.utils import timezone

from movies.db.binary_copy import HALF_LIMIT
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.models import CONTENT_DIMENSIONS, ITEM_DIMENSIONS, QUERY_DIMENSIONS, MovieEmbedding
from recommendations.retrieval.candidates import factors_by_movie
from recommendations.vectors.writing import embeddings_write
from tests.factories import make_movie, make_version


def written(queries: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One movie's factors as they are read after they were written."""
    version, movie = make_version(), make_movie()
    embeddings_write(
        version=version,
        movie_ids=np.array([movie.pk]),
        content=np.ones((1, CONTENT_DIMENSIONS), np.float32),
        factors=(queries[None], items[None]),
        trained=np.ones(1, np.bool_),
        read_at=timezone.now(),
    )
    found = factors_by_movie(version.pk, [movie.pk])[movie.pk]
    row = MovieEmbedding.objects.get()
    assert np.array_equal(found.query, np.asarray(row.query_factors, np.float32))
    assert np.array_equal(found.item, np.asarray(row.item_factors, np.float32))
    return found.query, found.item


def test_joined_factors_are_written_in_half_precision(db):
    rng = np.random.default_rng(0)
    queries, items = (rng.normal(size=n).astype(np.float32) for n in (QUERY_DIMENSIONS, ITEM_DIMENSIONS))

    found = written(queries, items)

    assert found[0].tolist() == queries.astype(np.float16).tolist()
    assert found[1].tolist() == items.astype(np.float16).tolist()


def test_few_shot_factors_alone_are_padded_with_zeros(db):
    few_shot = np.arange(1, FEW_SHOT_DIMENSIONS + 1, dtype=np.float32)

    queries, items = written(few_shot, few_shot)

    assert queries.tolist() == [*few_shot.tolist(), *[0.0] * (QUERY_DIMENSIONS - FEW_SHOT_DIMENSIONS)]
    assert items.tolist() == [*few_shot.tolist(), *[0.0] * (ITEM_DIMENSIONS - FEW_SHOT_DIMENSIONS)]


def test_factors_beyond_half_precision_are_clipped(db):
    large = np.array([1e9, -1e9, 1], np.float32)

    queries, items = written(large, large)

    assert queries[:3].tolist() == items[:3].tolist() == [HALF_LIMIT, -HALF_LIMIT, 1]
