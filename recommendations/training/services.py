"""One training, from the ratings to the live version: run under a lock, published if it passes the gate."""

from __future__ import annotations

from typing import NamedTuple

import structlog
from django.conf import settings
from django.utils import timezone

from movies.db.advisory_locks import close_broken_connection, session_lock
from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.incumbent import Incumbent
from recommendations.algorithms.pipeline.memory import peak_memory_mib, peak_memory_reset
from recommendations.algorithms.pipeline.train import ALGORITHM, NothingToTrainOnError, TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.algorithms.threads import limited_threads
from recommendations.models import ModelVersion
from recommendations.training.attempts import (
    LOCK,
    MANUAL,
    TrainingBusyError,
    TrainingError,
    attempt_begin,
    attempt_failed,
    attempt_owned,
    failure_reason,
    trainings_sweep,
)
from recommendations.training.config import training_config
from recommendations.training.data_checks import model_check
from recommendations.training.decisions import forced_publication_record
from recommendations.training.engines.base import TrainingEngine
from recommendations.training.engines.selection import training_engine
from recommendations.training.gate import GateConfig, Trained, gate
from recommendations.training.heartbeat import heartbeat
from recommendations.training.incumbent import incumbent_read
from recommendations.training.list_writing import results_write
from recommendations.training.popular_movies import popular_refresh
from recommendations.training.preconditions import folders_checked, settings_checked
from recommendations.training.progress import COMPARED_SHARE, OnProgress, Progress
from recommendations.training.publishing import PUBLISHING, version_publish, versions_prune
from recommendations.training.reading import interactions_read
from recommendations.vectors.contents import movie_contents_read

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status


def training_run(
    *,
    version: ModelVersion | None = None,
    trigger: str = MANUAL,
    on_progress: OnProgress | None = None,
    log_stages: bool = True,
    force: bool = False,
    task_id: str = "",
) -> ModelVersion:
    """Train, evaluate, write and publish; the returned version is live, or refused with the reason in ``refusal``.

    version: a requested one; a new one is created by default. on_progress is called as each stage begins. log_stages:
    whether to log each stage; False where on_progress shows it in the same terminal. force: publish what the gate
    refuses as well. task_id: the Celery task that calls this, if one does. Raises TrainingBusyError while another
    process trains, TrainingError when it fails: the live version stays as it was; the failed one records the reason,
    waits for its next attempt unless it was started by hand, and leaves no other rows. Must not run inside a
    transaction.
    """
    with session_lock(LOCK) as held:
        if not held:
            raise TrainingBusyError("another training is running")
        trainings_sweep(locked=True)
        version = attempt_begin(version=version, trigger=trigger)
        try:
            with heartbeat(version, task_id=task_id), limited_threads(settings.TRAINING_THREADS):
                return _train(version, Progress(version, on_progress, log_stages), force=force)
        except BaseException as error:
            # A time limit or an interrupt ends the training as well, and must not leave half of it behind.
            reason = failure_reason(error)
            logger.error(
                "training_failed",
                version=version.pk,
                reason=reason,
                exc_info=None if isinstance(error, TrainingError) else error,
            )
            attempt_failed(version=version, error=error, reason=reason)
            if isinstance(error, Exception) and not isinstance(error, TrainingError):
                raise TrainingError(reason) from error
            raise


def _train(version: ModelVersion, progress: Progress, *, force: bool) -> ModelVersion:
    """The whole night: read, fit, write, ask the gate, publish, refresh the popular lists."""
    settings_checked()
    folders_checked()
    peak_memory_reset()
    engine = training_engine()
    with progress.timed("reading"):
        data = _read(progress)
    with engine:
        model = _fit(data, progress, engine)
        with progress.timed("writing"):
            results_write(version=version, model=model, progress=progress, engine=engine)
    _describe(version, data, model, progress.seconds)
    progress("comparing", COMPARED_SHARE)
    if not _finish(version, force=force):
        versions_prune()
        return version
    published = version_publish(version=version, holding=LOCK, on_flip=forced_publication_record)
    _refresh_popular()
    return published


class _Data(NamedTuple):
    """The data of a training and its hyperparameters."""

    config: TrainingConfig
    interactions: Interactions
    contents: list[MovieContent]
    incumbent: Incumbent | None


def _read(progress: Progress) -> _Data:
    """Everybody's feedback, all movies' texts, and the live version to compare with. Raises TrainingError."""
    progress("reading", 0.0)
    config = training_config()
    interactions = interactions_read(config=config.feedback)
    return _Data(config, interactions, movie_contents_read(), incumbent_read(interactions, config))


def _fit(data: _Data, progress: Progress, engine: TrainingEngine) -> TrainedModel:
    try:
        model = train(
            data.interactions,
            data.contents,
            data.config,
            progress.of_pipeline,
            incumbent=data.incumbent,
            likes_of=engine.likes,
        )
    except NothingToTrainOnError as error:
        raise TrainingError(str(error)) from error
    model_check(model)
    model.foldable = settings.FOLD_LISTS
    return model


def _describe(version: ModelVersion, data: _Data, model: TrainedModel, seconds: dict[str, float]) -> None:
    """Set the version's hyperparameters, data sizes, metrics and costs, without saving them."""
    version.algorithm, version.hyperparameters = ALGORITHM, data.config.as_dict()
    version.serving = {} if model.serving is None else model.serving.as_dict()
    version.people, version.movies = len(data.interactions.user_ids), len(data.contents)
    version.interactions = len(data.interactions)
    stages = {"reading": seconds["reading"], **model.seconds, "writing": seconds["writing"]}
    version.metrics = {**model.metrics, "stages": [[name, round(value, 2)] for name, value in stages.items()]}
    version.peak_memory_mib = peak_memory_mib()


def _finish(version: ModelVersion, *, force: bool) -> bool:
    """Ask the gate, save the version as ready or refused, and return whether it is ready. Raises LockLostError.

    The gate compares it with the version that is live now, which staff may have changed during the training.
    """
    live = ModelVersion.objects.live().first()
    config = GateConfig(
        max_shrink=settings.GATE_MAX_SHRINK,
        min_people=settings.GATE_MIN_PEOPLE,
        max_worse=settings.GATE_MAX_WORSE,
        max_lost_lead=settings.GATE_MAX_LOST_LEAD,
        max_rating_error=settings.GATE_MAX_RATING_ERROR,
    )
    version.refusal = gate(_trained(version), None if live is None else _trained(live), config)
    with attempt_owned(version):
        version.status = Status.REFUSED if version.refusal and not force else Status.READY
        version.stage = "done" if version.status == Status.REFUSED else PUBLISHING
        version.progress, version.error = 1.0, ""
        version.finished_at = timezone.now()
        version.save()
    if version.status == Status.REFUSED:
        logger.error("training_refused", version=version.pk, reason=version.refusal)
    return version.status == Status.READY


def _trained(version: ModelVersion) -> Trained:
    return Trained(version.pk, version.people, version.movies, version.interactions, version.metrics)


def _refresh_popular() -> None:
    """Refresh the popular lists after a version went live; if that fails, the hourly task does it.

    Not earlier: a refused or failed version must change nothing that people are shown.
    """
    try:
        popular_refresh()
    except Exception:
        logger.exception("popular_not_refreshed")
        close_broken_connection()
