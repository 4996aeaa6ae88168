"""Which version is live: the flip to another, rollback, and pruning of the versions that nobody needs."""

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
from recommendations.experiments.selectors import versions_in_use
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.vectors.artefacts import artefacts_delete, artefacts_folder
from recommendations.vectors.indexes import vector_indexes_build, vector_indexes_drop

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status

# The stage of a trained version that passed the gate, until it is live.
PUBLISHING = "publishing"
# A second or less on a small machine.
LISTS_PER_DELETE = 20_000
# Orders versions by age. Their numbers do not: a retried training keeps its number.
_BEGUN = Coalesce("started_at", "created_at")
# Called in the transaction that makes a version live, with it and the ids of those that were live until then.
OnFlip = Callable[[ModelVersion, list[int]], None]
LOCK_LOST = "the connection to the database broke, and with it the lock of training"


def version_publish(
    *, version: ModelVersion, holding: str | None = None, on_flip: OnFlip = lambda version, retired: None
) -> ModelVersion:
    """Make a trained version live, in one transaction; then drop the rows of those that versions_prune does not keep.

    Publishes a refused version as well: training asks the gate first, and staff may overrule it. Builds the indexes of
    the version's vectors beforehand, if they are missing and it has many movies. holding: the session lock that this
    process must still hold. on_flip may raise ValidationError: then nothing changes. Do not call it in a transaction.
    Raises ValidationError for a version that is not fully trained or whose rows are gone, LockLostError where another
    process holds the lock by now.
    """
    vector_indexes_build(version_id=version.pk)
    with transaction.atomic():
        transaction_lock("publishing")
        if holding is not None and not session_lock_held(holding):
            raise LockLostError(LOCK_LOST)
        version = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if version.status == Status.LIVE:
            on_flip(version, [])
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
        version.status, version.live_at, version.stage = Status.LIVE, timezone.now(), "done"
        version.save(update_fields=["status", "live_at", "stage"])
        on_flip(version, retired)
        invalidate_catalogue_on_commit()
    logger.info("version_published", version=version.pk, retired=retired, refusal=version.refusal)
    versions_prune()
    return version


def version_rollback(
    *, to: ModelVersion | None = None, on_flip: OnFlip = lambda version, retired: None
) -> ModelVersion:
    """Make an earlier version live again: ``to``, or the newest one older than the live one that still has its rows.

    A version that had been refused must be named. on_flip: see version_publish. Raises ValidationError when there is
    no earlier version.
    """
    if to is None:
        older = ModelVersion.objects.filter(status=Status.RETIRED, refusal="", embeddings__isnull=False)
        older = older.alias(begun=_BEGUN).order_by("-begun", "-pk")
        live_begun = _live_begun()
        to = (older if live_begun is None else older.filter(begun__lt=live_begun)).first()
        if to is None:
            raise ValidationError({"version": "There is no earlier version to go back to."})
    return version_publish(version=to, on_flip=on_flip)


def versions_prune() -> None:
    """Drop the remaining lists, vectors and files of all superseded versions.

    Logs a failure instead of raising it: the caller's own work is done, and each sweep of trainings prunes again.
    """
    try:
        for version_id in _left_over():
            version_drop(version_id=version_id, among=_superseded)
    except Exception:
        logger.warning("versions_not_pruned", exc_info=True)
        close_broken_connection()


def _left_over() -> list[int]:
    """Superseded versions that still have rows or files. Five queries, and one check of the disk for each version."""
    lists = BatchRecommendation.objects.filter(version=OuterRef("pk"))
    vectors = MovieEmbedding.objects.filter(version=OuterRef("pk"))
    versions = _superseded().order_by("pk").values_list("pk", Exists(lists), Exists(vectors))
    return [version_id for version_id, *rows in versions if any(rows) or artefacts_folder(version_id).exists()]


def _superseded() -> QuerySet[ModelVersion]:
    """The versions that nobody may want to make live: all that ended, except a few.

    Kept are the live version, the one that was live before it, the newest one before it that was not refused (however
    many refused ones were published since), and the newest refused one until a later one goes live. A version in
    training, or trained and not yet live, is kept as well.
    """
    ended = ModelVersion.objects.filter(status__in=[Status.RETIRED, Status.REFUSED, Status.FAILED])
    retired = ended.filter(status=Status.RETIRED).order_by("-live_at", "-pk")
    refused = ended.filter(status=Status.REFUSED).alias(begun=_BEGUN).order_by("-begun", "-pk")
    live_begun = _live_begun()
    if live_begun is not None:
        refused = refused.filter(begun__gt=live_begun)
    # An arm of a running experiment ranks with its version.
    kept = versions_in_use()
    newest = (retired.first(), retired.filter(refusal="").first(), refused.first())
    kept |= {version.pk for version in newest if version}
    return ended.exclude(pk__in=kept)


def _live_begun() -> datetime | None:
    """When the training of the live version began."""
    return ModelVersion.objects.live().values_list(_BEGUN, flat=True).first()


def version_drop(*, version_id: int, among: Callable[[], QuerySet[ModelVersion]], **values: object) -> bool:
    """Drop the lists, vectors and files of a version if it is one of ``among``; return whether it was.

    Its row stays as a record and is updated with ``values``. ``among`` is evaluated under the publishing lock: staff
    may make a version live at any moment, and a live one is never dropped. The vectors are deleted under that lock as
    well, and without them the version cannot be published. The lists, one row per person, are deleted after the lock is
    released, so that publishing does not wait for them. If this stops half way, the next versions_prune does the rest.
    Do not call it in a transaction: every search would wait for its end to have the index dropped.
    """
    with transaction.atomic():
        transaction_lock("publishing")
        if not ModelVersion.objects.filter(pk__in=among(), pk=version_id).update(artefacts={}, **values):
            return False
        # No foreign key refers to vectors or lists, so Django need not fetch them first.
        vectors = MovieEmbedding.objects.filter(version_id=version_id)
        vectors._raw_delete(vectors.db)
    vector_indexes_drop(version_id=version_id)
    artefacts_delete(version_id=version_id)
    _delete_lists(version_id)
    return True


def _delete_lists(version_id: int) -> None:
    """Delete a version's lists in batches, each a short transaction of its own."""
    lists = BatchRecommendation.objects.filter(version_id=version_id)
    batch = BatchRecommendation.objects.filter(pk__in=lists.values("pk")[:LISTS_PER_DELETE])
    while batch._raw_delete(batch.db) == LISTS_PER_DELETE:
        pass
