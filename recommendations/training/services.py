"""A training as a row: run under a lock, published when it succeeds and the gate lets it through."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.utils import timezone
from threadpoolctl import threadpool_limits

from events.training_data import training_data_read
from movies.db.advisory_locks import close_broken_connection, session_lock
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.memory import peak_memory_mib, peak_memory_reset
from recommendations.algorithms.pipeline.train import (
    ALGORITHM,
    NothingToTrainOnError,
    TrainedModel,
    TrainingConfig,
    train,
)
from recommendations.algorithms.ratings.predictor import RatingPredictorConfig
from recommendations.models import ModelVersion
from recommendations.training.attempts import (
    LOCK,
    MANUAL,
    TrainingBusyError,
    TrainingError,
    attempt_begin,
    attempt_failed,
    attempt_owned,
    trainings_sweep,
)
from recommendations.training.config import tuned_config
from recommendations.training.gate import GateConfig, Trained, gate
from recommendations.training.popular_movies import popular_refresh, popularity_config
from recommendations.training.publishing import lists_write, version_publish, versions_prune
from recommendations.vectors.artefacts import artefacts_save
from recommendations.vectors.contents import movie_contents_read
from recommendations.vectors.writing import embeddings_write

logger = structlog.get_logger(__name__)

Status = ModelVersion.Status
OnProgress = Callable[[str, float], None]

NOTHING_TO_TRAIN_ON = "there is nothing to train on: import a data set with manage.py import_movielens PATH"
# Reading is the first tenth of a training and writing the last three; the pipeline's own stages lie between.
_READ_SHARE = 0.1
_WRITE_SHARE = 0.7


def training_run(
    *,
    version: ModelVersion | None = None,
    trigger: str = MANUAL,
    on_progress: OnProgress | None = None,
    log_stages: bool = True,
    force: bool = False,
) -> ModelVersion:
    """Train, evaluate, write and make live; the version that comes back is live, or was refused and says why.

    version: one that was requested; else a new one is made. on_progress is called as each stage begins. log_stages:
    whether each stage is logged, too; False where on_progress shows it in the same terminal. force: publish
    what the gate refuses, too. Raises TrainingBusyError while another process trains, TrainingError when it fails: the
    live version stays as it was; the one that failed says why, waits for its next attempt if it was not asked for by
    hand, and leaves no other rows. Must not run inside a transaction.
    """
    with session_lock(LOCK) as held:
        if not held:
            raise TrainingBusyError("another training is running")
        trainings_sweep(locked=True)
        version = attempt_begin(version=version, trigger=trigger)
        try:
            return _train(version, _Progress(version, on_progress, log_stages), force=force)
        except BaseException as error:
            # A time limit or an interrupt ends the training too, and must not leave half of it behind.
            logger.error(
                "training_failed",
                version=version.pk,
                reason=_reason(error),
                exc_info=None if isinstance(error, TrainingError) else error,
            )
            attempt_failed(version=version, error=error, reason=_reason(error))
            if isinstance(error, Exception) and not isinstance(error, TrainingError):
                raise TrainingError(_reason(error)) from error
            raise


class _Progress:
    """Writes each stage to the version's row, where staff follow it, and hands it on."""

    def __init__(self, version: ModelVersion, on_progress: OnProgress | None, log_stages: bool) -> None:
        self.version = version
        self.on_progress = on_progress
        self.log_stages = log_stages

    def __call__(self, stage: str, progress: float) -> None:
        self.version.stage, self.version.progress = stage, round(progress, 3)
        with attempt_owned(self.version):
            self.version.save(update_fields=["stage", "progress"])
        if self.log_stages:
            logger.info("training_stage", version=self.version.pk, stage=stage, progress=progress)
        if self.on_progress is not None:
            self.on_progress(stage, progress)

    def of_pipeline(self, stage: str, progress: float) -> None:
        """A stage of the pipeline, which counts from 0 to 1 by itself."""
        self(stage, _READ_SHARE + (_WRITE_SHARE - _READ_SHARE) * progress)


def training_config() -> TrainingConfig:
    """The hyperparameters: those that tuning found where they pay, else the shipped ones; limits from the settings."""
    tuned = tuned_config()
    return TrainingConfig(
        feedback=tuned.feedback,
        ranker=tuned.ranker,
        popularity=popularity_config(),
        encoder=settings.EMBEDDING_ENCODER,
        evaluated_people=settings.TRAINING_EVALUATED_PEOPLE,
        rating=rating_config(),
    )


def rating_config() -> RatingPredictorConfig | None:
    """How ratings are predicted, from the settings; None where they are not."""
    if not settings.TRAINING_RATING_PREDICTION:
        return None
    return RatingPredictorConfig.nightly(max_ratings=settings.TRAINING_MAX_RATINGS)


def _read_interactions(config: FeedbackConfig) -> Interactions:
    columns = training_data_read()
    if not len(columns):
        raise TrainingError(NOTHING_TO_TRAIN_ON)
    return feedback_merge(
        columns.user_ids, columns.movie_ids, columns.kinds, columns.ratings, columns.timestamps, config=config
    )


def _train(version: ModelVersion, progress: _Progress, *, force: bool) -> ModelVersion:
    peak_memory_reset()
    started = timezone.now()
    progress("reading", 0.0)
    config = training_config()
    interactions = _read_interactions(config.feedback)
    contents = movie_contents_read()
    read = timezone.now()
    with threadpool_limits(settings.TRAINING_THREADS or None):
        try:
            model = train(interactions, contents, config, progress.of_pipeline)
        except NothingToTrainOnError as error:
            raise TrainingError(str(error)) from error
        fitted = timezone.now()
        _write(version, model, progress)
    version.algorithm, version.hyperparameters = ALGORITHM, config.as_dict()
    version.people, version.movies = len(interactions.user_ids), len(contents)
    version.interactions = len(interactions)
    seconds = {
        "reading": (read - started).total_seconds(),
        **model.seconds,
        "writing": (timezone.now() - fitted).total_seconds(),
    }
    version.metrics = {**model.metrics, "stages": [[name, round(value, 2)] for name, value in seconds.items()]}
    version.peak_memory_mib = peak_memory_mib()
    version.refusal = _refusal(version)
    with attempt_owned(version):
        version.status = Status.REFUSED if version.refusal and not force else Status.READY
        version.stage, version.progress, version.error = "done", 1.0, ""
        version.finished_at = timezone.now()
        version.save()
    if version.status == Status.REFUSED:
        logger.error("training_refused", version=version.pk, reason=version.refusal)
        versions_prune()
        return version
    published = version_publish(version=version, holding=LOCK)
    _refresh_popular()
    return published


def _refusal(version: ModelVersion) -> str:
    """Why the gate refuses it, beside the version that is live now; empty if it does not."""
    live = ModelVersion.objects.live().first()
    config = GateConfig(max_shrink=settings.GATE_MAX_SHRINK, min_people=settings.GATE_MIN_PEOPLE)
    return gate(_trained(version), None if live is None else _trained(live), config)


def _trained(version: ModelVersion) -> Trained:
    return Trained(version.pk, version.people, version.movies, version.interactions, version.metrics)


def _write(version: ModelVersion, model: TrainedModel, progress: _Progress) -> None:
    progress("writing lists", _WRITE_SHARE)
    with attempt_owned(version):
        lists_write(version=version, model=model, size=settings.BATCH_LIST_SIZE)
    progress("writing vectors", 0.9)
    with attempt_owned(version):
        embeddings_write(
            version=version,
            movie_ids=model.movie_ids,
            content=model.content,
            factors=None if model.fold_in is None else (model.query_factors, model.item_factors),
            trained=model.trained,
            read_at=version.started_at or timezone.now(),
        )
    with attempt_owned(version):
        artefacts_save(version=version, model=model)


def _refresh_popular() -> None:
    """Refresh the popular lists beside a version that has just gone live; one that cannot be is left to the hour's.

    Only now: a refused version, or one that failed, changes nothing that people are shown.
    """
    try:
        popular_refresh()
    except Exception:
        logger.exception("popular_not_refreshed")
        close_broken_connection()


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, TrainingError) else f"{type(error).__name__}: {error}"
