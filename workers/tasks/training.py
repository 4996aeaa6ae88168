"""Training, on the queue ``train``, whose worker does nothing else and one thing at a time.

What is to be done is decided from the tables each time: a message that is lost, late or delivered twice changes
nothing.
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
from workers.base import BaseTask
from workers.schedule import latest_slot

logger = structlog.get_logger(__name__)

Made = TypeVar("Made", ModelVersion, TuningRun)


@shared_task(base=BaseTask)
def run_due() -> int | None:
    """Each minute: train what staff asked for, or the night that is due; else search, if the week's search is.

    Says the version, if one was trained. Attempts whose process is gone are dealt with first.
    """
    version = _finish(lambda: nightly.training_run_due(slot=latest_slot(train.name, now=timezone.now())))
    if version is not None:
        return version.pk
    tune()
    return None


@shared_task(base=BaseTask)
def train() -> int | None:
    """The entry that says when the night's training is due: run_due reads it. Its own message is one more look."""
    return run_due()


@shared_task(base=BaseTask)
def tune() -> int | None:
    """The entry that says when the week's search is due: run_due reads it, and runs this. Says the run, if any."""
    limits = Limits(settings.TUNING_TRIALS, settings.TUNING_MINUTES * 60)
    run = _finish(lambda: tuning.tuning_run_due(slot=latest_slot(tune.name, now=timezone.now()), limits=limits))
    return None if run is None else run.pk


def _finish(run: Callable[[], Made | None]) -> Made | None:
    """A training or a tuning that fails has said so in its row and in the log: the task itself has done its work."""
    try:
        return run()
    except TrainingBusyError:
        logger.info("training_skipped", reason="another training is running")
    except TrainingError as error:
        logger.error("training_not_done", reason=str(error))
    return None
