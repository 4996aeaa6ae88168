"""Training and tuning, on the queue ``train``, whose worker runs one task at a time and nothing else.

The tables decide what is due, not the message. So a message that is lost, late or delivered twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from recommendations.algorithms.pipeline.tune import Limits
from recommendations.models import ModelVersion, TuningRun
from recommendations.training import nightly, tuning
from recommendations.training.attempts import TrainingBusyError, TrainingError
from workers.base import TrainingTask
from workers.schedule import latest_slot

logger = structlog.get_logger(__name__)

# A message of a killed process comes back at once, a moment before PostgreSQL notices that the process is gone.
LOCK_PATIENCE_SECONDS = 5.0
Result = TypeVar("Result", ModelVersion, TuningRun)


@shared_task(base=TrainingTask, bind=True)
def run_due(self: TrainingTask) -> int | None:
    """Runs every minute: trains if staff requested it or the nightly training is due, else tunes if tuning is due.

    Returns the id of the trained version, if any. Attempts whose process died are handled first.
    """
    return _run_due(self.request.id or "")


@shared_task(base=TrainingTask, bind=True)
def train(self: TrainingTask) -> int | None:
    """The schedule's entry for the nightly training, read by run_due. Its own message only does what run_due does."""
    return _run_due(self.request.id or "")


@shared_task(base=TrainingTask)
def tune() -> int | None:
    """The schedule's entry for weekly tuning, read by run_due, which calls this. Returns the run's id, if any."""
    limits = Limits(settings.TUNING_TRIALS, settings.TUNING_MINUTES * 60)
    run = _finish(lambda: tuning.tuning_run_due(slot=latest_slot(tune.name, now=timezone.now()), limits=limits))
    return None if run is None else run.pk


def _run_due(task_id: str) -> int | None:
    slot = latest_slot(train.name, now=timezone.now())
    version = _finish(lambda: nightly.training_run_due(slot=slot, patience=LOCK_PATIENCE_SECONDS, task_id=task_id))
    if version is not None:
        return version.pk
    tune()
    return None


def _finish(run: Callable[[], Result | None]) -> Result | None:
    """Runs a training or tuning. A failure is recorded in its row and logged, so the task itself does not fail."""
    try:
        return run()
    except TrainingBusyError:
        logger.info("training_skipped", reason="another training is running")
    except TrainingError as error:
        logger.error("training_not_done", reason=str(error))
    return None
