"""A search for hyperparameters, under the lock of training. Each search is a row, and each of its trials another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from movies.db.advisory_locks import close_broken_connection, session_lock
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.feedback_blocks import reweigh
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.tune import Limits, TooLittleFeedbackError, Trial, TuningResult, tune
from recommendations.algorithms.threads import limited_threads
from recommendations.models import TuningRun, TuningTrial
from recommendations.training.attempts import (
    CRASHED,
    LOCK,
    TrainingBusyError,
    TrainingError,
    failure_reason,
    is_transient,
    retry_at,
)
from recommendations.training.config import shipped_config, tuned_config
from recommendations.training.preconditions import settings_checked
from recommendations.training.reading import interactions_read

logger = structlog.get_logger(__name__)

Status = TuningRun.Status
WEEKLY = "weekly"


def tuning_run(
    *,
    limits: Limits,
    trigger: str = "manual",
    seed: int = 0,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> TuningRun:
    """Search on all feedback in the database; the returned run is finished and its trials are stored.

    The next training uses the best configuration if it beats the shipped one. on_trial is called as each trial ends.
    Raises TrainingBusyError while a training or another search runs, TrainingError when it fails: the row records why.
    """
    with session_lock(LOCK) as held:
        if not held:
            raise TrainingBusyError("a training or another tuning is running")
        tunings_sweep(locked=True)
        run = TuningRun.objects.create(trigger=trigger, seed=seed)
        try:
            with limited_threads(settings.TRAINING_THREADS):
                settings_checked()
                result = _search(run, limits, on_trial)
        except BaseException as error:
            _fail(run, error)
            if isinstance(error, Exception) and not isinstance(error, (TrainingError, TooLittleFeedbackError)):
                logger.exception("tuning_failed", run=run.pk)
            if isinstance(error, Exception) and not isinstance(error, TrainingError):
                raise TrainingError(_reason(error)) from error
            raise
        return _finish(run, result)


def tuning_run_due(*, slot: datetime | None, limits: Limits) -> TuningRun | None:
    """Run the weekly search if there was none since ``slot``, its newest scheduled time.

    However long ago that is, one search makes up for it. A search whose process or database failed is repeated, up to
    TRAINING_MAX_ATTEMPTS attempts. Raises as tuning_run does.
    """
    tunings_sweep()
    if slot is None or not _is_due(slot, timezone.now()):
        return None
    return tuning_run(limits=limits, trigger=WEEKLY)


def _is_due(slot: datetime, now: datetime) -> bool:
    since = TuningRun.objects.filter(started_at__gte=slot)
    broken_off = since.filter(trigger=WEEKLY, status=Status.FAILED, interrupted=True)
    if since.exclude(status=Status.FAILED).exists() or since.filter(trigger=WEEKLY, interrupted=False).exists():
        return False
    last = broken_off.first()
    if last is None:
        return True
    attempts = broken_off.count()
    pause = timedelta(minutes=settings.TRAINING_RETRY_MINUTES)
    return attempts < settings.TRAINING_MAX_ATTEMPTS and now >= retry_at(
        attempts=attempts, ended_at=last.finished_at or last.started_at, pause=pause
    )


def tunings_sweep(*, locked: bool = False) -> int:
    """Mark searches whose process is gone as failed, and return how many. A running search holds the training lock."""
    if not locked:
        if not TuningRun.objects.filter(status=Status.RUNNING).exists():
            return 0
        with session_lock(LOCK) as held:
            return tunings_sweep(locked=True) if held else 0
    return TuningRun.objects.filter(status=Status.RUNNING).update(
        status=Status.FAILED, error=CRASHED, interrupted=True, finished_at=timezone.now()
    )


def _search(run: TuningRun, limits: Limits, on_trial: Callable[[Trial], None]) -> TuningResult:
    shipped, incumbent = shipped_config(), tuned_config()
    interactions = interactions_read(config=shipped.feedback)

    def read(config: FeedbackConfig) -> Interactions:
        return interactions if config == shipped.feedback else reweigh(interactions, config)

    def record(trial: Trial) -> None:
        _record(run, trial)
        on_trial(trial)

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
    logger.info("tuning_trial", run=run.pk, trial=trial.number, part=trial.part, value=trial.value)


def _finish(run: TuningRun, result: TuningResult) -> TuningRun:
    run.status, run.finished_at = Status.FINISHED, timezone.now()
    run.people, run.improves = result.people, result.improves
    run.shipped_value, run.best_value = result.shipped_value, result.best_value
    run.shipped_holdout_value, run.best_holdout_value = result.shipped_holdout_value, result.best_holdout_value
    run.configuration = result.best.as_dict()
    run.save()
    logger.info("tuning_finished", run=run.pk, improves=run.improves, value=run.best_holdout_value)
    return run


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, ValueError) else failure_reason(error)


def _fail(run: TuningRun, error: BaseException) -> None:
    reason = _reason(error)
    interrupted = not isinstance(error, TrainingError) and is_transient(error)
    try:
        close_broken_connection()
        TuningRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(
            status=Status.FAILED, error=reason[:2000], interrupted=interrupted, finished_at=timezone.now()
        )
    except Exception:
        logger.exception("tuning_failure_not_recorded", run=run.pk)
