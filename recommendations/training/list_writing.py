"""A trained model's results: everybody's list and the movies' vectors into PostgreSQL, the model into its files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from movies.db import binary_copy
from movies.models import Movie
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.models import ModelVersion
from recommendations.training.attempts import attempt_owned
from recommendations.training.engines.base import TrainingEngine
from recommendations.training.progress import FILES_SHARE, VECTORS_SHARE, WRITE_SHARE, Progress
from recommendations.vectors.artefacts import artefacts_save
from recommendations.vectors.writing import embeddings_write

# People who were deleted, or reset their taste, while the model was trained are left out, and those who have paused
# personalisation. A deletion or reset that starts now waits for this to commit.
_INSERT_LISTS = """
    INSERT INTO batch_recommendations (version_id, user_id, movie_ids, scores, predicted_ratings)
    SELECT version_id, user_id, movie_ids, scores, coalesce(predicted_ratings, '{}')
    FROM staged_lists JOIN accounts_user ON accounts_user.id = user_id
    WHERE accounts_user.personalisation
        AND (accounts_user.taste_reset_at < %s OR accounts_user.taste_reset_at IS NULL)
    FOR KEY SHARE OF accounts_user
"""


def results_write(*, version: ModelVersion, model: TrainedModel, progress: Progress, engine: TrainingEngine) -> None:
    """Write the version's lists, vectors and files, each in a transaction of its own.

    engine: makes the lists; it must be open. The caller saves version.artefacts. Raises LockLostError as soon as
    another process owns the attempt, OSError.
    """
    progress("writing lists", WRITE_SHARE)
    with attempt_owned(version):
        lists_write(version=version, model=model, size=settings.BATCH_LIST_SIZE, engine=engine)
    progress("writing vectors", VECTORS_SHARE)
    with attempt_owned(version):
        embeddings_write(
            version=version,
            movie_ids=model.movie_ids,
            content=model.content,
            factors=None if model.fold_in is None else model.joined_factors(),
            trained=model.trained,
            read_at=version.started_at or timezone.now(),
            rating_factors=model.rating_factors,
        )
    progress("writing files", FILES_SHARE)
    with attempt_owned(version):
        artefacts_save(version=version, model=model)


def lists_write(*, version: ModelVersion, model: TrainedModel, size: int, engine: TrainingEngine) -> int:
    """Write everybody's list of ``size`` published movies, and return how many people have one.

    Replaces lists that an earlier attempt of this version left behind.
    """
    published = np.fromiter(Movie.objects.filter(status=Movie.Status.PUBLISHED).values_list("pk", flat=True), np.int64)
    blocks = (
        block
        for users, movies, scores in model.lists(size, published, everybody_by=engine.lists)
        for block in encode_lists(version.pk, users, movies, scores, model.predicted_ratings(users, movies))
    )
    columns = "version_id int8, user_id int8, movie_ids int4[], scores float4[], predicted_ratings float4[]"
    with (
        transaction.atomic(),
        binary_copy.staging_table("staged_lists", columns),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM batch_recommendations WHERE version_id = %s", [version.pk])
        binary_copy.copy_in("staged_lists", "version_id, user_id, movie_ids, scores, predicted_ratings", blocks)
        cursor.execute(_INSERT_LISTS, [version.started_at or timezone.now()])
        return int(cursor.rowcount)


def encode_lists(
    version_id: int,
    users: NDArray[np.int64],
    movies: NDArray[np.int64],
    scores: NDArray[np.float32],
    ratings: NDArray[np.float32] | None,
) -> Iterator[bytes]:
    """Rows of binary COPY, grouped by the length of the list; an empty list makes no row."""
    lengths = (movies >= 0).sum(axis=1)
    for length in np.unique(lengths[lengths > 0]):
        rows = lengths == length
        yield binary_copy.encode_rows(
            [
                binary_copy.int8_column(np.full(rows.sum(), version_id)),
                binary_copy.int8_column(users[rows]),
                binary_copy.array_column(movies[rows, :length], ">i4"),
                binary_copy.array_column(scores[rows, :length], ">f4"),
                binary_copy.null_column(rows.sum())
                if ratings is None
                else binary_copy.array_column(ratings[rows, :length], ">f4"),
            ]
        )
