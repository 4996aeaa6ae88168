"""Write a version's vectors into PostgreSQL: factors and content of many movies at once, by binary COPY."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from movies.db import binary_copy
from recommendations.models import ITEM_DIMENSIONS, QUERY_DIMENSIONS, ModelVersion, MovieEmbedding

_BLOCK = 2000
# Movies deleted while the model was trained are left out; a deletion that starts now waits for this to commit.
_INSERT_EMBEDDINGS = """
    INSERT INTO recommendations_movieembedding
        (version_id, movie_id, content, query_factors, item_factors, rating_factors, factors_source, updated_at)
    SELECT version_id, movie_id, content, query_factors, item_factors, rating_factors, factors_source, updated_at
    FROM staged_embeddings JOIN movies_movie ON movies_movie.id = movie_id
    FOR KEY SHARE OF movies_movie
    ON CONFLICT (version_id, movie_id) DO UPDATE SET
        content = excluded.content,
        query_factors = excluded.query_factors,
        item_factors = excluded.item_factors,
        rating_factors = coalesce(excluded.rating_factors, recommendations_movieembedding.rating_factors),
        factors_source = excluded.factors_source,
        updated_at = excluded.updated_at
"""


def pad_factors(factors: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Factors (n, d) with zeros behind them, float32 (n, width)."""
    return np.pad(factors, ((0, 0), (0, width - factors.shape[1])))


def embeddings_write(
    *,
    version: ModelVersion,
    movie_ids: NDArray[np.int64],
    content: NDArray[np.float32],
    factors: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    trained: NDArray[np.bool_],
    read_at: datetime,
    rating_factors: NDArray[np.float32] | None = None,
) -> None:
    """Write or replace the vectors of movies.

    movie_ids: shape (n,). content: (n, CONTENT_DIMENSIONS). factors: query and item factors, (n, QUERY_DIMENSIONS) and
    (n, ITEM_DIMENSIONS), narrower ones are padded with zeros; their columns are null without them. trained: (n,),
    whether the factors are learned, not predicted. read_at: when the texts were read, so that a movie edited since
    counts as changed. rating_factors: (n, RATING_DIMENSIONS); without them the column stays as it is.
    """
    columns = "version_id, movie_id, content, query_factors, item_factors, rating_factors, factors_source, updated_at"
    types = (
        "version_id int8, movie_id int8, content vector, query_factors halfvec, item_factors halfvec, "
        "rating_factors vector, factors_source text, updated_at timestamptz"
    )

    def encode() -> Iterator[bytes]:
        for source, mask in ((MovieEmbedding.Source.TRAINED, trained), (MovieEmbedding.Source.PREDICTED, ~trained)):
            chosen = np.flatnonzero(mask)
            for start in range(0, len(chosen), _BLOCK):
                rows = chosen[start : start + _BLOCK]
                vectors = (
                    [
                        binary_copy.half_vector_column(pad_factors(part[rows], width))
                        for part, width in zip(factors, (QUERY_DIMENSIONS, ITEM_DIMENSIONS), strict=True)
                    ]
                    if factors is not None
                    else [binary_copy.null_column(len(rows))] * 2
                )
                yield binary_copy.encode_rows(
                    [
                        binary_copy.int8_column(np.full(len(rows), version.pk)),
                        binary_copy.int8_column(movie_ids[rows]),
                        binary_copy.vector_column(content[rows]),
                        *vectors,
                        binary_copy.null_column(len(rows))
                        if rating_factors is None
                        else binary_copy.vector_column(rating_factors[rows]),
                        binary_copy.text_column(source.value, len(rows)),
                        binary_copy.timestamp_column(read_at, len(rows)),
                    ]
                )

    with transaction.atomic(), binary_copy.staging_table("staged_embeddings", types), connection.cursor() as cursor:
        binary_copy.copy_in("staged_embeddings", columns, encode())
        cursor.execute(_INSERT_EMBEDDINGS)
