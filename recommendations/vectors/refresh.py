"""Vectors for movies that were added or edited since the live version was trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import session_lock
from movies.models import Movie
from recommendations.algorithms.content.cold_start import FoldIn
from recommendations.algorithms.content.lsa import ContentEncoder
from recommendations.algorithms.model_files import ModelFileError
from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.vectors.artefacts import artefacts_load
from recommendations.vectors.contents import movie_contents_read
from recommendations.vectors.indexes import vector_indexes_build
from recommendations.vectors.writing import embeddings_write

logger = structlog.get_logger(__name__)

_BLOCK = 1000


def embeddings_refresh() -> int:
    """Give every new or edited movie its vectors under the live version; says how many movies that were.

    A movie with learned factors keeps them; any other gets factors predicted from its text. Cheap when nothing changed:
    one query; otherwise cached lists are told. Without a live version, or without its files on this machine, it logs
    why and does nothing.
    """
    version = ModelVersion.objects.live().first()
    if version is None:
        return 0
    with session_lock("embeddings") as held:
        if not held:
            return 0
        movie_ids = _changed(version)
        if not movie_ids:
            return 0
        try:
            encoder, fold_in = artefacts_load(version=version)
        except ModelFileError as error:
            logger.error("embeddings_not_refreshed", version=version.pk, reason=str(error))
            return 0
        for start in range(0, len(movie_ids), _BLOCK):
            with transaction.atomic():
                _refresh(version, movie_ids[start : start + _BLOCK], encoder, fold_in)
                # Lists computed before know nothing of these movies.
                invalidate_catalogue_on_commit()
    # A catalogue may grow between two trainings.
    vector_indexes_build(version_id=version.pk)
    logger.info("embeddings_refreshed", version=version.pk, movies=len(movie_ids))
    return len(movie_ids)


def _changed(version: ModelVersion) -> list[int]:
    """Movies whose text is newer than their vectors, or that have none, by id."""
    current = Q(embeddings__version=version, embeddings__updated_at__gte=F("content_changed_at"))
    up_to_date = Movie.objects.filter(current).values("pk")
    return list(Movie.objects.exclude(pk__in=up_to_date).order_by("pk").values_list("pk", flat=True))


def _refresh(version: ModelVersion, movie_ids: Sequence[int], encoder: ContentEncoder, fold_in: FoldIn | None) -> None:
    read_at = timezone.now()
    contents = movie_contents_read(movie_ids)
    if not contents:
        return
    vectors = encoder.transform(contents)
    ids = np.array([content.movie_id for content in contents], np.int64)
    learned = {
        embedding.movie_id: embedding
        for embedding in MovieEmbedding.objects.filter(
            version=version, movie__in=movie_ids, factors_source=MovieEmbedding.Source.TRAINED
        ).exclude(item_factors=None)
    }
    trained = np.isin(ids, list(learned))
    factors = None
    if fold_in is not None:
        factors = fold_in.predict(contents, vectors)
        for row in np.flatnonzero(trained):
            embedding = learned[int(ids[row])]
            factors[0][row] = np.asarray(embedding.query_factors)
            factors[1][row] = np.asarray(embedding.item_factors)
    embeddings_write(version=version, movie_ids=ids, content=vectors, factors=factors, trained=trained, read_at=read_at)
