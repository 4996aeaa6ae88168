"""Vectors for movies that were added or edited since the live version was trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from numpy.typing import NDArray

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import session_lock
from movies.models import Movie
from recommendations.algorithms.content.cold_start import FoldIn
from recommendations.algorithms.content.lsa import ContentEncoder
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.algorithms.model_files import ModelFileError
from recommendations.models import ITEM_DIMENSIONS, QUERY_DIMENSIONS, ModelVersion, MovieEmbedding
from recommendations.vectors.artefacts import artefacts_load
from recommendations.vectors.contents import movie_contents_read
from recommendations.vectors.indexes import vector_indexes_build
from recommendations.vectors.writing import embeddings_write, pad_factors

logger = structlog.get_logger(__name__)

_BLOCK = 1000
_TRAINED = MovieEmbedding.Source.TRAINED


def embeddings_refresh() -> int:
    """Write the vectors of all new and edited movies under the live version, and return the number of movies.

    A movie with learned factors keeps them; any other gets few-shot factors predicted from its text. Cheap when nothing
    changed: one query; otherwise cached lists are invalidated. Does nothing without a live version; without its files
    on this machine it logs why. Stops when another version goes live meanwhile, which the next call refreshes.
    """
    version = ModelVersion.objects.live().first()
    if version is None:
        return 0
    with session_lock("embeddings") as held:
        movie_ids = _changed(version) if held else []
        if not movie_ids:
            return 0
        try:
            encoder, fold_in = artefacts_load(version=version)
        except ModelFileError as error:
            logger.error("embeddings_not_refreshed", version=version.pk, reason=str(error))
            return 0
        written = 0
        for vectors in _vectors(version, movie_ids, encoder, fold_in):
            if not _write(version, vectors):
                break
            written += len(vectors.movie_ids)
    # The catalogue may have grown past the minimum since the training.
    vector_indexes_build(version_id=version.pk)
    logger.info("embeddings_refreshed", version=version.pk, movies=written)
    return written


def _changed(version: ModelVersion) -> list[int]:
    """Ids of movies that have no vectors, or whose text is newer than their vectors, but for merged ones. One query."""
    current = Q(embeddings__version=version, embeddings__updated_at__gte=F("content_changed_at"))
    up_to_date = Movie.objects.filter(current).values("pk")
    living = Movie.objects.exclude(status=Movie.Status.MERGED)
    return list(living.exclude(pk__in=up_to_date).order_by("pk").values_list("pk", flat=True))


class _Vectors(NamedTuple):
    """The vectors of some movies, as embeddings_write takes them."""

    movie_ids: NDArray[np.int64]
    content: NDArray[np.float32]
    factors: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    trained: NDArray[np.bool_]
    read_at: datetime
    rating_factors: NDArray[np.float32] | None


def _vectors(
    version: ModelVersion, movie_ids: Sequence[int], encoder: ContentEncoder, fold_in: FoldIn | None
) -> Iterator[_Vectors]:
    """The movies' vectors in blocks: content from their texts, factors learned or predicted. Five queries each."""
    for start in range(0, len(movie_ids), _BLOCK):
        read_at = timezone.now()
        contents = movie_contents_read(movie_ids[start : start + _BLOCK])
        if not contents:
            continue
        ids = np.array([content.movie_id for content in contents], np.int64)
        vectors = encoder.transform(contents)
        published = _published(version, ids)
        trained = np.isin(ids, [movie_id for movie_id, row in published.items() if row.factors_source == _TRAINED])
        factors = ratings = None
        if fold_in is not None:
            predicted, ratings = fold_in.predict(contents, vectors), fold_in.predict_ratings(contents, vectors)
            factors = pad_factors(predicted[0], QUERY_DIMENSIONS), pad_factors(predicted[1], ITEM_DIMENSIONS)
            for place, movie_id in enumerate(ids.tolist()):
                if (row := published.get(movie_id)) is None:
                    continue
                # The next-item part is always learned.
                kept = slice(0 if trained[place] else FEW_SHOT_DIMENSIONS, None)
                factors[0][place, kept] = np.asarray(row.query_factors)[kept]
                factors[1][place, kept] = np.asarray(row.item_factors)[kept]
                if trained[place] and ratings is not None and row.rating_factors is not None:
                    ratings[place] = row.rating_factors
        yield _Vectors(ids, vectors, factors, trained, read_at, ratings)


def _published(version: ModelVersion, movie_ids: NDArray[np.int64]) -> dict[int, MovieEmbedding]:
    """The vectors of the movies that have factors, by movie id. One query."""
    rows = MovieEmbedding.objects.filter(version=version, movie__in=movie_ids.tolist())
    return {row.movie_id: row for row in rows.exclude(item_factors=None)}


def _write(version: ModelVersion, vectors: _Vectors) -> bool:
    """Write one block's vectors and invalidate cached lists if the version is still live; return whether it is.

    Its row is locked meanwhile. Rows written for a version that was pruned would make it look complete, so that it
    could be published without its lists.
    """
    with transaction.atomic():
        live = ModelVersion.objects.live().filter(pk=version.pk)
        if not live.select_for_update(no_key=True).exists():
            logger.info("embeddings_refresh_ended", version=version.pk, reason="it is no longer live")
            return False
        embeddings_write(version=version, **vectors._asdict())
        # Lists computed earlier do not contain these movies.
        invalidate_catalogue_on_commit()
    return True
