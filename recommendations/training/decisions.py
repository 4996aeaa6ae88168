"""What staff and the watch decide about versions: publish, reject, roll back; each with a reason, which is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from movies.db.advisory_locks import transaction_lock
from recommendations.models import ModelVersion, VersionDecision
from recommendations.training.publishing import version_publish, version_rollback, versions_prune
from recsys_project.staff_admin.reasons import MAX_REASON, reason_check

logger = structlog.get_logger(__name__)

Kind, Status = VersionDecision.Kind, ModelVersion.Status
FORCED = "Published by manage.py train --force, although the gate refused it."
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
    return version_publish(
        version=version,
        on_flip=lambda live, retired: _record(live.pk, Kind.PUBLISHED, text, user),
    )


def forced_publication_record(live: ModelVersion, retired: list[int]) -> None:
    """Keep that a version went live although the gate had refused it; for ``on_flip`` of ``version_publish``."""
    if live.refusal:
        _record(live.pk, Kind.PUBLISHED, FORCED, None)


def version_rollback_because(*, reason: str, user: User | None = None, to: ModelVersion | None = None) -> ModelVersion:
    """Make the version before the live one, or ``to``, live again; see ``version_rollback``. Raises ValidationError.

    The reason is kept with both versions.
    """
    text = reason_check(reason)
    return version_rollback(to=to, on_flip=lambda live, retired: _record_rollback(live, retired, text, user))


def version_withdraw(*, version: ModelVersion, reason: str, watch: dict[str, Any]) -> ModelVersion:
    """Roll back from ``version`` without a person, and return the version that is live instead.

    The reason is kept with both, and as its refusal, so that no later rollback returns to it by itself. watch: its new
    ``watch``. Raises ValidationError if another version is live by now, or there is no earlier one.
    """
    text = reason[:MAX_REASON]

    def record(live: ModelVersion, retired: list[int]) -> None:
        if retired != [version.pk]:
            raise ValidationError({"version": f"Version {version.pk} is not live any more."})
        row = ModelVersion.objects.get(pk=version.pk)
        row.refusal, row.watch = f"{row.refusal} {text}".strip(), watch
        row.save(update_fields=["refusal", "watch"])
        _record_rollback(live, retired, text, None)

    return version_rollback(on_flip=record)


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
        _record(row.pk, Kind.REJECTED, text, user)
    versions_prune()
    return row


def _record_rollback(live: ModelVersion, retired: list[int], reason: str, user: User | None) -> None:
    _record(live.pk, Kind.RESTORED, reason, user)
    for version_id in retired:
        _record(version_id, Kind.WITHDRAWN, reason, user)


def _record(version_id: int, kind: str, reason: str, user: User | None) -> None:
    """Keep one decision."""
    logger.info("version_decided", version=version_id, decision=str(kind))
    VersionDecision.objects.create(version_id=version_id, kind=kind, reason=reason, made_by=user)
