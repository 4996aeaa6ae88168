"""What staff decide about model versions: publish, reject, roll back; each with a reason, which is kept."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from movies.db.advisory_locks import transaction_lock
from recommendations.models import ModelVersion, VersionDecision
from recommendations.training.publishing import version_publish, version_rollback, versions_prune
from recsys_project.staff_admin.reasons import reason_check

logger = structlog.get_logger(__name__)

Kind, Status = VersionDecision.Kind, ModelVersion.Status
# Why a version in a state cannot be rejected.
_NOT_TO_REJECT: Mapping[str, str] = {
    Status.LIVE: "is live: roll back first",
    Status.REQUESTED: "has not been trained",
    Status.TRAINING: "is being trained",
    Status.FAILED: "has failed: it cannot go live anyway",
}


def version_publish_because(*, version: ModelVersion, reason: str, user: User | None = None) -> ModelVersion:
    """Make a trained version live, a refused one as well; see ``version_publish``. Raises ValidationError."""
    text = reason_check(reason)
    live = version_publish(version=version)
    decision_record(version=live, kind=Kind.PUBLISHED, reason=text, user=user)
    return live


def version_rollback_because(*, reason: str, user: User | None = None, to: ModelVersion | None = None) -> ModelVersion:
    """Make the version before the live one, or ``to``, live again; see ``version_rollback``. Raises ValidationError.

    The reason is kept with both versions.
    """
    text = reason_check(reason)
    left = ModelVersion.objects.live().first()
    live = version_rollback(to=to)
    decision_record(version=live, kind=Kind.RESTORED, reason=text, user=user)
    if left is not None and left.pk != live.pk:
        decision_record(version=left, kind=Kind.WITHDRAWN, reason=text, user=user)
    return live


def version_reject(*, version: ModelVersion, reason: str, user: User | None = None) -> ModelVersion:
    """Refuse a trained version that is not live, so that no rollback returns to it. Staff can still publish it.

    Its row says why, after what the gate said. Raises ValidationError for a version that is live or not trained.
    """
    text = reason_check(reason)
    with transaction.atomic():
        transaction_lock("publishing")
        row = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if why := _NOT_TO_REJECT.get(row.status):
            raise ValidationError({"version": f"Version {row.pk} {why}."})
        row.status = Status.REFUSED
        row.refusal = f"{row.refusal} Rejected by staff: {text}".strip()
        row.save(update_fields=["status", "refusal"])
        decision_record(version=row, kind=Kind.REJECTED, reason=text, user=user)
    versions_prune()
    return row


def decision_record(*, version: ModelVersion, kind: str, reason: str, user: User | None) -> VersionDecision:
    """Keep one decision."""
    logger.info("version_decided", version=version.pk, decision=str(kind))
    return VersionDecision.objects.create(version=version, kind=kind, reason=reason, made_by=user)
