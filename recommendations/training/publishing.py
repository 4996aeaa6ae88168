"""Which version is live: the flip to another, and which of the others keep their rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import LockLostError, close_broken_connection, session_lock_held, transaction_lock
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.vectors.artefacts import artefacts_delete, artefacts_folder
from recommendations.vectors.indexes import vector_indexes_build, vector_indexes_drop

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status

# A second or less on a small machine.
LISTS_PER_DELETE = 20_000
# Orders versions by age. Their numbers do not: a training that is tried again keeps its number.
_BEGUN = Coalesce("started_at", "created_at")
LOCK_LOST = "the connection to the database broke, and with it the lock of training"


def version_publish(*, version: ModelVersion, holding: str | None = None) -> ModelVersion:
    """Make a trained version live, in one transaction; then drop the rows of those that versions_prune does not keep.

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
    """Drop lists, vectors and files of every version that _superseded names, and of which any are left.

    Never raises: whoever calls it has done what counts, and each sweep of trainings calls it again.
    """
    try:
        for version_id in _left_over():
            version_drop(version_id=version_id, among=_superseded)
    except Exception:
        logger.warning("versions_not_pruned", exc_info=True)
        close_broken_connection()


def _left_over() -> list[int]:
    """The superseded versions of which rows or files are left. One query, and one look for each folder."""
    lists = BatchRecommendation.objects.filter(version=OuterRef("pk"))
    vectors = MovieEmbedding.objects.filter(version=OuterRef("pk"))
    versions = _superseded().order_by("pk").values_list("pk", Exists(lists), Exists(vectors))
    return [version_id for version_id, *rows in versions if any(rows) or artefacts_folder(version_id).exists()]


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


def version_drop(*, version_id: int, among: Callable[[], QuerySet[ModelVersion]], **values: object) -> bool:
    """Drop the lists, vectors and files of a version that is one of ``among``; says whether it was.

    Its row stays as a record, and takes ``values``. ``among`` is asked under the lock of publishing: staff may make a
    version live at any moment, and what is live is never dropped. Its vectors go under that lock, too, and without them
    it cannot be published. The lists, a row for each person, go after it, so that nobody waits for them to publish.
    Where this ends half way, the next versions_prune does the rest. Not to be called in a transaction, since dropping
    an index would make every search wait for its end.
    """
    with transaction.atomic():
        transaction_lock("publishing")
        if not ModelVersion.objects.filter(pk__in=among(), pk=version_id).update(artefacts={}, **values):
            return False
        # Nothing refers to these rows or to lists, so Django need not fetch them before they go.
        vectors = MovieEmbedding.objects.filter(version_id=version_id)
        vectors._raw_delete(vectors.db)
    vector_indexes_drop(version_id=version_id)
    artefacts_delete(version_id=version_id)
    _delete_lists(version_id)
    return True


def _delete_lists(version_id: int) -> None:
    """Delete a version's lists in batches, a transaction each: none is long, and what is done stays done."""
    lists = BatchRecommendation.objects.filter(version_id=version_id)
    batch = BatchRecommendation.objects.filter(pk__in=lists.values("pk")[:LISTS_PER_DELETE])
    while batch._raw_delete(batch.db) == LISTS_PER_DELETE:
        pass
