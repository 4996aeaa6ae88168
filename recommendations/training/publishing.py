"""A trained model's rows into PostgreSQL, and which version is live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np
import structlog
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from numpy.typing import NDArray

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db import binary_copy
from movies.db.advisory_locks import LockLostError, session_lock_held, transaction_lock
from movies.models import Movie
from recommendations.algorithms.pipeline.train import TrainedModel
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.vectors.artefacts import artefacts_delete, artefacts_folder
from recommendations.vectors.indexes import vector_indexes_build, vector_indexes_drop

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status
# Orders versions by age. Their numbers do not: a training that is tried again keeps its number.
_BEGUN = Coalesce("started_at", "created_at")
LOCK_LOST = "the connection to the database broke, and with it the lock of training"

# A person or a movie deleted while the model was trained is left out; one deleted now waits for this to commit.
_INSERT_LISTS = """
    INSERT INTO batch_recommendations (version_id, user_id, movie_ids, scores, predicted_ratings)
    SELECT version_id, user_id, movie_ids, scores, coalesce(predicted_ratings, '{}')
    FROM staged_lists JOIN accounts_user ON accounts_user.id = user_id
    FOR KEY SHARE OF accounts_user
"""


def lists_write(*, version: ModelVersion, model: TrainedModel, size: int) -> int:
    """Write everybody's list of ``size`` published movies; says how many people got one."""
    published = np.fromiter(Movie.objects.filter(status=Movie.Status.PUBLISHED).values_list("pk", flat=True), np.int64)
    blocks = (
        block
        for users, movies, scores in model.lists(size, published)
        for block in _encode_lists(version.pk, users, movies, scores, model.predicted_ratings(users, movies))
    )
    columns = "version_id int8, user_id int8, movie_ids int4[], scores float4[], predicted_ratings float4[]"
    with (
        transaction.atomic(),
        binary_copy.staging_table("staged_lists", columns),
        connection.cursor() as cursor,
    ):
        binary_copy.copy_in("staged_lists", "version_id, user_id, movie_ids, scores, predicted_ratings", blocks)
        cursor.execute(_INSERT_LISTS)
        return int(cursor.rowcount)


def _encode_lists(
    version_id: int,
    users: NDArray[np.int64],
    movies: NDArray[np.int64],
    scores: NDArray[np.float32],
    ratings: NDArray[np.float32] | None,
) -> Iterator[bytes]:
    """Rows of binary COPY, grouped by the length of the list; a list of nothing is no row."""
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


def version_publish(*, version: ModelVersion, holding: str | None = None) -> ModelVersion:
    """Make a trained version live, in one transaction, and drop the rows of those that versions_prune does not keep.

    A refused version is published, too: training asks the gate before, and staff may decide otherwise. First its
    vectors get their indexes, if it has none yet and many movies. holding: the session lock without which it must not
    go live. Not to be called in a transaction. Raises ValidationError for a version that was not trained to the end, or
    whose rows are gone; LockLostError where another process holds the lock by now.
    """
    vector_indexes_build(version_id=version.pk)
    with transaction.atomic():
        transaction_lock("publishing")
        if holding is not None and not session_lock_held(holding):
            raise LockLostError(LOCK_LOST)
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if version.status == Status.LIVE:
            return version
        if version.status not in (Status.READY, Status.RETIRED, Status.REFUSED):
            raise ValidationError({"version": f"Version {version.pk} is {version.status}: it has nothing to publish."})
        if not MovieEmbedding.objects.filter(version=version).exists():
            raise ValidationError(
                {
                    "version": f"The lists and vectors of version {version.pk} are gone: only those of the live "
                    "version, the one before it and the newest refused one are kept."
                }
            )
        retired = list(ModelVersion.objects.live().values_list("pk", flat=True))
        ModelVersion.objects.filter(pk__in=retired).update(status=Status.RETIRED)
        version.status, version.live_at = Status.LIVE, timezone.now()
        version.save(update_fields=["status", "live_at"])
        invalidate_catalogue_on_commit()
    logger.info("version_published", version=version.pk, retired=retired, refusal=version.refusal)
    versions_prune()
    return version


def version_rollback(*, to: ModelVersion | None = None) -> ModelVersion:
    """Make an earlier version live again: ``to``, or the newest older than the live one whose rows are still there.

    One that had been refused is gone back to only where it is named. Raises ValidationError when there is none.
    """
    if to is None:
        older = ModelVersion.objects.filter(status=Status.RETIRED, refusal="", embeddings__isnull=False)
        older = older.alias(begun=_BEGUN).order_by("-begun", "-pk")
        live_begun = _live_begun()
        to = (older if live_begun is None else older.filter(begun__lt=live_begun)).first()
        if to is None:
            raise ValidationError({"version": "There is no earlier version to go back to."})
    return version_publish(version=to)


def versions_prune() -> None:
    """Drop lists, vectors and files of every version that _superseded names."""
    for version_id in list(_superseded().values_list("pk", flat=True)):
        if _has_rows(version_id) or artefacts_folder(version_id).exists():
            version_drop(version_id=version_id, among=_superseded)


def _superseded() -> QuerySet[ModelVersion]:
    """The versions that nobody may want to have live: all that ended, except a few.

    Kept are the live one, the one that was live before it, the newest good one (not refused) that was live before it,
    however many refused ones were published since, and the newest refused one until a later one goes live. A version
    being trained, or trained and not yet live, keeps its rows.
    """
    ended = ModelVersion.objects.filter(status__in=[Status.RETIRED, Status.REFUSED, Status.FAILED])
    retired = ended.filter(status=Status.RETIRED).order_by("-live_at", "-pk")
    refused = ended.filter(status=Status.REFUSED).alias(begun=_BEGUN).order_by("-begun", "-pk")
    live_begun = _live_begun()
    if live_begun is not None:
        refused = refused.filter(begun__gt=live_begun)
    kept = {version.pk for version in (retired.first(), retired.filter(refusal="").first(), refused.first()) if version}
    return ended.exclude(pk__in=kept)


def _live_begun() -> datetime | None:
    """When the training of the live version began."""
    return ModelVersion.objects.live().values_list(_BEGUN, flat=True).first()


def _has_rows(version_id: int) -> bool:
    return any(
        model._default_manager.filter(version_id=version_id).exists() for model in (BatchRecommendation, MovieEmbedding)
    )


def version_drop(*, version_id: int, among: Callable[[], QuerySet[ModelVersion]], **values: object) -> bool:
    """Drop the lists, vectors and files of a version that is one of ``among``; says whether it was.

    Its row stays as a record, and takes ``values`` in the same transaction. ``among`` is asked under the lock of
    publishing: staff may make a version live at any moment, and what is live is never dropped. Not to be called in a
    transaction, since dropping an index would make every search wait for its end.
    """
    with transaction.atomic():
        transaction_lock("publishing")
        if not ModelVersion.objects.filter(pk__in=among(), pk=version_id).update(artefacts={}, **values):
            return False
        for model in (BatchRecommendation, MovieEmbedding):
            # Nothing refers to these rows, so Django need not fetch them before they go.
            rows = model._default_manager.filter(version_id=version_id)
            rows._raw_delete(rows.db)
    # Without rows nobody can make it live, so nothing needs these.
    vector_indexes_drop(version_id=version_id)
    artefacts_delete(version_id=version_id)
    return True
