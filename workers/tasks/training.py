"""Training, on the queue ``train``, whose worker does nothing else and one thing at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from celery import shared_task
from django.conf import settings

from recommendations import training, tuning
from recommendations.algorithms.tuning import Limits
from recommendations.models import ModelVersion, TuningRun
from workers.base import BaseTask

logger = logging.getLogger(__name__)


@shared_task(base=BaseTask)
def train(trigger: str = "nightly") -> int | None:
    """Train and publish; says the version. While another training runs, or tonight's is done, it does nothing."""
    if trigger == "nightly":
        return _finish(training.training_run_nightly)
    return _finish(lambda: training.training_run(trigger=trigger))


@shared_task(base=BaseTask)
def run_requested() -> int | None:
    """Train what staff asked for, and mark trainings that crashed."""
    return _finish(training.training_run_requested)


@shared_task(base=BaseTask)
def tune() -> int | None:
    """Search hyperparameters for the trainings to come; says the run. While a training runs it does nothing."""
    limits = Limits(settings.TUNING_TRIALS, settings.TUNING_MINUTES * 60)
    return _finish(lambda: tuning.tuning_run(limits=limits, trigger="weekly"))


def _finish(run: Callable[[], ModelVersion | TuningRun | None]) -> int | None:
    """A training or a tuning that fails has said so in its row and in the log: the task itself has done its work."""
    try:
        made = run()
    except training.TrainingBusyError:
        logger.info("training_skipped", extra={"reason": "another training is running"})
        return None
    except training.TrainingError as error:
        logger.error("training_not_done", extra={"reason": str(error)})
        return None
    return None if made is None else made.pk
