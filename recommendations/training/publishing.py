"""Which version is live: the flip to another, and which of the others keep their rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import LockLostError, session_lock_held, transaction_lock
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.vectors.artefacts import artefacts_delete, artefacts_folder
from recommendations.vectors.indexes import vector_indexes_build, vector_indexes_drop

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status
# Orders versions by age. Their numbers do not: a training that is tried again keeps its number.
_BEGUN = Coalesce("started_at", "created_at")
LOCK_LOST = "the connection to the database broke, and with it the lock of training"


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
