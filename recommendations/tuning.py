"""A search for hyperparameters as a row, every trial of it as another; under the lock of training."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.utils import timezone
from threadpoolctl import threadpool_limits

from events.training_data import training_data_read
from recommendations.algorithms.base import Interactions
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.tuning import Limits, TooLittleFeedbackError, Trial, TuningResult, tune
from recommendations.locks import session_lock
from recommendations.models import TuningRun, TuningTrial
from recommendations.training import CRASHED, NOTHING_TO_TRAIN_ON, TrainingBusyError, TrainingError
from recommendations.tuned import shipped_config, tuned_config

logger = logging.getLogger(__name__)

Status = TuningRun.Status


def tuning_run(
    *,
    limits: Limits,
    trigger: str = "manual",
    seed: int = 0,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> TuningRun:
    """Search on all feedback in the database; the run that comes back is finished, its trials are written.

    What it found is used by the next training if it pays. on_trial hears of each trial as it ends. Raises
    TrainingBusyError while a training or another search runs, TrainingError when it fails: the row then says why.
    """
    with session_lock("training") as held:
        if not held:
            raise TrainingBusyError("a training or another tuning is running")
        # Whoever searches holds the lock, and it is ours: these processes are gone.
        TuningRun.objects.filter(status=Status.RUNNING).update(
            status=Status.FAILED, error=CRASHED, finished_at=timezone.now()
        )
        run = TuningRun.objects.create(trigger=trigger, seed=seed)
        try:
            with threadpool_limits(settings.TRAINING_THREADS or None):
                result = _search(run, limits, on_trial)
        except BaseException as error:
            _fail(run, error)
            if isinstance(error, TooLittleFeedbackError):
                raise TrainingError(str(error)) from error
            raise
        return _finish(run, result)


def _search(run: TuningRun, limits: Limits, on_trial: Callable[[Trial], None]) -> TuningResult:
    columns = training_data_read()
    if not len(columns):
        raise TrainingError(NOTHING_TO_TRAIN_ON)

    def read(config: FeedbackConfig) -> Interactions:
        return feedback_merge(
            columns.user_ids, columns.movie_ids, columns.kinds, columns.ratings, columns.timestamps, config=config
        )

    def record(trial: Trial) -> None:
        _record(run, trial)
        on_trial(trial)

    shipped, incumbent = shipped_config(), tuned_config()
    return tune(read, shipped=shipped, incumbent=incumbent, limits=limits, seed=run.seed, on_trial=record)


def _record(run: TuningRun, trial: Trial) -> None:
    TuningTrial.objects.create(
        run=run,
        number=trial.number,
        part=trial.part,
        parameters=trial.parameters,
        value=trial.value,
        seconds=round(trial.seconds, 3),
        state=TuningTrial.State.COMPLETE if trial.value is not None else TuningTrial.State.FAILED,
    )
    logger.info("tuning_trial", extra={"run": run.pk, "trial": trial.number, "part": trial.part, "value": trial.value})


def _finish(run: TuningRun, result: TuningResult) -> TuningRun:
    run.status, run.finished_at = Status.FINISHED, timezone.now()
    run.people, run.pays = result.people, result.pays
    run.shipped_value, run.best_value = result.shipped_value, result.best_value
    run.shipped_confirmed, run.best_confirmed = result.shipped_confirmed, result.best_confirmed
    run.configuration = result.best.as_dict()
    run.save()
    logger.info("tuning_finished", extra={"run": run.pk, "pays": run.pays, "value": run.best_confirmed})
    return run


def _fail(run: TuningRun, error: BaseException) -> None:
    reason = str(error) if isinstance(error, TrainingError | ValueError) else f"{type(error).__name__}: {error}"
    try:
        TuningRun.objects.filter(pk=run.pk).update(
            status=Status.FAILED, error=reason[:2000], finished_at=timezone.now()
        )
    except Exception:
        logger.exception("tuning_failure_not_recorded", extra={"run": run.pk})
