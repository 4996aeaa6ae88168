"""A training as a row: asked for, run under a lock, published when it succeeds, marked when it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from threadpoolctl import threadpool_limits

from accounts.models import User
from events.training_data import training_data_read
from recommendations.algorithms.base import Interactions
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.pipeline import ALGORITHM, NothingToTrainOnError, TrainedModel, TrainingConfig, train
from recommendations.algorithms.rating_prediction import RatingPredictorConfig
from recommendations.artefacts import artefacts_save
from recommendations.contents import movie_contents_read
from recommendations.locks import session_lock, transaction_lock
from recommendations.memory import peak_memory_mib, peak_memory_reset
from recommendations.models import ModelVersion
from recommendations.popularity import popular_refresh, popularity_config
from recommendations.publishing import embeddings_write, lists_write, version_publish, version_rows_delete
from recommendations.tuned import tuned_config

logger = logging.getLogger(__name__)

Status = ModelVersion.Status
OnProgress = Callable[[str, float], None]

NOTHING_TO_TRAIN_ON = "there is nothing to train on: import a data set with manage.py import_movielens PATH"
CRASHED = "the process that trained it ended without finishing"
# Reading is the first tenth of a training and writing the last three; the pipeline's own stages lie between.
_READ_SHARE = 0.1
_WRITE_SHARE = 0.7


class TrainingError(Exception):
    """A training could not start, or did not succeed. Says why in words for staff."""


class TrainingBusyError(TrainingError):
    """Another training is running."""


def training_request(*, trigger: str, requested_by: User | None = None) -> ModelVersion:
    """Ask for a training, which the scheduler starts within a minute. One that already waits is returned instead."""
    with transaction.atomic():
        transaction_lock("training request")
        waiting = ModelVersion.objects.filter(status=Status.REQUESTED).order_by("pk").first()
        if waiting is not None:
            return waiting
        return ModelVersion.objects.create(trigger=trigger, requested_by=requested_by, stage="waiting")


def training_run(
    *, version: ModelVersion | None = None, trigger: str = "manual", on_progress: OnProgress | None = None
) -> ModelVersion:
    """Train, evaluate, write and make live; the version that comes back is live.

    version: one that was requested; else a new one is made. on_progress is called as each stage begins.
    Raises TrainingBusyError while another process trains, TrainingError when it fails: the live version stays as it
    was, the failed one says why and leaves no other rows. Must not run inside a transaction.
    """
    with session_lock("training") as held:
        if not held:
            raise TrainingBusyError("another training is running")
        trainings_sweep(locked=True)
        version = _start(version, trigger)
        try:
            return _train(version, _Progress(version, on_progress))
        except BaseException as error:
            # A time limit or an interrupt ends the training too, and must not leave half of it behind.
            _fail(version, error)
            if isinstance(error, Exception) and not isinstance(error, TrainingError):
                raise TrainingError(_reason(error)) from error
            raise


def training_run_nightly() -> ModelVersion | None:
    """What the schedule runs: nothing where a nightly training just succeeded or keeps crashing.

    Two schedulers, or a message delivered twice, so train once; and a training that takes its process down (out of
    memory, say) is tried TRAINING_MAX_ATTEMPTS times in a night and not for ever.
    """
    recent = ModelVersion.objects.filter(
        trigger="nightly", created_at__gt=timezone.now() - timedelta(hours=settings.TRAINING_NIGHTLY_HOURS)
    )
    if recent.filter(status__in=[Status.READY, Status.LIVE, Status.RETIRED]).exists():
        logger.info("training_skipped", extra={"reason": "tonight's training is done"})
        return None
    if not _may_start():
        logger.info("training_skipped", extra={"reason": "another training is running"})
        return None
    if recent.filter(status=Status.FAILED, error=CRASHED).count() >= settings.TRAINING_MAX_ATTEMPTS:
        logger.error("training_skipped", extra={"reason": "tonight's training keeps crashing"})
        return None
    return training_run(trigger="nightly")


def training_run_requested() -> ModelVersion | None:
    """Run the training that waits, if any; says nothing while another runs. Also marks crashed ones."""
    if not _may_start():
        return None
    waiting = ModelVersion.objects.filter(status=Status.REQUESTED).order_by("pk").first()
    return None if waiting is None else training_run(version=waiting)


def trainings_sweep(*, locked: bool = False) -> int:
    """Mark trainings whose process is gone as failed and drop their rows; says how many there were.

    Whoever trains holds the lock: if it is free (or ours, ``locked``), nobody trains.
    """
    if not locked:
        with session_lock("training") as held:
            return trainings_sweep(locked=True) if held else 0
    crashed = list(ModelVersion.objects.filter(status=Status.TRAINING).values_list("pk", flat=True))
    for version_id in crashed:
        version_rows_delete(version_id=version_id)
        ModelVersion.objects.filter(pk=version_id).update(
            status=Status.FAILED, error=CRASHED, finished_at=timezone.now()
        )
        logger.error("training_crashed", extra={"version": version_id})
    return len(crashed)


def _may_start() -> bool:
    """Whether nobody trains right now; trainings that crashed are marked on the way."""
    with session_lock("training") as held:
        if held:
            trainings_sweep(locked=True)
        return held


class _Progress:
    """Writes each stage to the version's row, where staff follow it, and hands it on."""

    def __init__(self, version: ModelVersion, on_progress: OnProgress | None) -> None:
        self.version = version
        self.on_progress = on_progress

    def __call__(self, stage: str, progress: float) -> None:
        self.version.stage, self.version.progress = stage, round(progress, 3)
        self.version.save(update_fields=["stage", "progress"])
        logger.info("training_stage", extra={"version": self.version.pk, "stage": stage, "progress": progress})
        if self.on_progress is not None:
            self.on_progress(stage, progress)

    def of_pipeline(self, stage: str, progress: float) -> None:
        """A stage of the pipeline, which counts from 0 to 1 by itself."""
        self(stage, _READ_SHARE + (_WRITE_SHARE - _READ_SHARE) * progress)


def _start(version: ModelVersion | None, trigger: str) -> ModelVersion:
    if version is None:
        return ModelVersion.objects.create(status=Status.TRAINING, trigger=trigger, started_at=timezone.now())
    claimed = ModelVersion.objects.filter(pk=version.pk, status=Status.REQUESTED).update(
        status=Status.TRAINING, started_at=timezone.now()
    )
    if not claimed:
        raise TrainingError(f"version {version.pk} does not wait to be trained")
    return ModelVersion.objects.get(pk=version.pk)


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


def _train(version: ModelVersion, progress: _Progress) -> ModelVersion:
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
    version.status, version.stage, version.progress = Status.READY, "done", 1.0
    version.finished_at = timezone.now()
    version.save()
    return version_publish(version=version)


def _write(version: ModelVersion, model: TrainedModel, progress: _Progress) -> None:
    progress("writing lists", _WRITE_SHARE)
    lists_write(version=version, model=model, size=settings.BATCH_LIST_SIZE)
    progress("writing vectors", 0.9)
    embeddings_write(
        version=version,
        movie_ids=model.movie_ids,
        content=model.content,
        factors=None if model.fold_in is None else (model.query_factors, model.item_factors),
        trained=model.trained,
        read_at=version.started_at or timezone.now(),
    )
    artefacts_save(version=version, model=model)
    progress("popular movies", 0.97)
    popular_refresh()


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, TrainingError) else f"{type(error).__name__}: {error}"


def _fail(version: ModelVersion, error: BaseException) -> None:
    """Say why in the version's row and drop what it wrote. A database that is gone is left to the next sweep."""
    logger.error(
        "training_failed",
        extra={"version": version.pk, "reason": _reason(error)},
        exc_info=None if isinstance(error, TrainingError) else error,
    )
    try:
        version_rows_delete(version_id=version.pk)
        ModelVersion.objects.filter(pk=version.pk, status__in=[Status.TRAINING, Status.READY]).update(
            status=Status.FAILED, error=_reason(error)[:2000], finished_at=timezone.now()
        )
    except Exception:
        logger.exception("training_failure_not_recorded", extra={"version": version.pk})
