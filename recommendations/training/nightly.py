"""Which training is due, decided from the table: a waiting request, or a night without a training."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from movies.db.advisory_locks import session_lock, transaction_lock
from recommendations.models import ModelVersion
from recommendations.training.attempts import LOCK, trainings_sweep
from recommendations.training.services import training_run

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status
NIGHTLY = "nightly"


def training_request(*, trigger: str, requested_by: User | None = None) -> ModelVersion:
    """Request a training, which the scheduler starts within a minute. Returns the waiting request if there is one.

    If that one is paused before its next attempt, the pause ends.
    """
    with transaction.atomic():
        transaction_lock("training request")
        waiting = ModelVersion.objects.filter(status=Status.REQUESTED).order_by("pk").first()
        if waiting is None:
            return ModelVersion.objects.create(trigger=trigger, requested_by=requested_by, stage="waiting")
        ModelVersion.objects.filter(pk=waiting.pk, status=Status.REQUESTED).update(not_before=None)
        return waiting


def training_run_due(*, slot: datetime | None, patience: float = 0.0, task_id: str = "") -> ModelVersion | None:
    """Run the training that is due, if any; skip it while another runs. Ends attempts whose process is gone first.

    slot: the newest scheduled time of a nightly training, if there is a schedule; however long ago that is, one
    training makes up for it. patience: seconds to wait for the lock, which PostgreSQL releases a moment after the
    process that held it died. task_id: see training_run. Raises TrainingError when the attempt fails: its row says what
    comes next.
    """
    with session_lock(LOCK, patience=patience) as held:
        if not held:
            logger.info("training_skipped", reason="another training or tuning is running")
            return None
        trainings_sweep(locked=True)
        if slot is not None:
            night_request(slot=slot)
    now = timezone.now()
    waiting = ModelVersion.objects.filter(Q(not_before=None) | Q(not_before__lte=now), status=Status.REQUESTED)
    version = waiting.order_by("pk").first()
    return None if version is None else training_run(version=version, task_id=task_id)


def night_request(*, slot: datetime) -> ModelVersion | None:
    """Create the row of the night's training, unless one since the scheduled time was requested, runs or succeeded.

    One row a night, whatever its outcome: after a failure that a retry cannot cure, the next night tries again.
    """
    with transaction.atomic():
        transaction_lock("training request")
        published = Q(status__in=[Status.READY, Status.LIVE, Status.RETIRED])
        # A nightly training that ran late, or before staff changed the hour, also counts for a night soon after it.
        recently = slot - timedelta(hours=settings.TRAINING_NIGHTLY_HOURS)
        done = ModelVersion.objects.filter(
            Q(scheduled_for__gte=slot)
            | Q(status__in=[Status.REQUESTED, Status.TRAINING])
            | (published & Q(started_at__gte=slot))
            | ((published | Q(status=Status.REFUSED)) & Q(trigger=NIGHTLY, created_at__gt=recently))
        )
        if done.exists():
            return None
        version = ModelVersion.objects.create(trigger=NIGHTLY, scheduled_for=slot, stage="waiting")
    logger.info("training_due", version=version.pk, scheduled_for=slot.isoformat())
    return version
