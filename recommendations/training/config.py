"""The hyperparameters of a training: the shipped ones, or tuned ones that are better; limits from the settings."""

from __future__ import annotations

from dataclasses import replace

import structlog
from django.conf import settings

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.pipeline.serving_validation import ServingValidationConfig
from recommendations.algorithms.pipeline.train import TrainingConfig
from recommendations.algorithms.pipeline.tune import TunedConfig
from recommendations.algorithms.rankers.ensemble import EnsembleConfig
from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.algorithms.rankers.popularity import PopularityConfig
from recommendations.algorithms.ratings.fold_in import RatingFactorsConfig
from recommendations.algorithms.ratings.predictor import RatingPredictorConfig
from recommendations.models import NEXT_ITEM_DIMENSIONS, TuningRun
from recommendations.retrieval.event_weights import event_weights

logger = structlog.get_logger(__name__)


def training_config() -> TrainingConfig:
    """The hyperparameters: the tuned ones where they are better, else the shipped ones. One query."""
    tuned = tuned_config()
    return TrainingConfig(
        feedback=tuned.feedback,
        ranker=tuned.ranker,
        popularity=popularity_config(),
        encoder=settings.EMBEDDING_ENCODER,
        evaluated_people=settings.TRAINING_EVALUATED_PEOPLE,
        rating=rating_config(),
        rating_factors=RatingFactorsConfig(max_ratings=settings.TRAINING_MAX_RATINGS),
        next_item=next_item_config(),
        serving_validation=ServingValidationConfig() if settings.TRAINING_SERVING_VALIDATION else None,
    )


def rating_config() -> RatingPredictorConfig | None:
    """The rating predictor's hyperparameters, from the settings; None where ratings are not predicted."""
    if not settings.TRAINING_RATING_PREDICTION:
        return None
    return RatingPredictorConfig.nightly(max_ratings=settings.TRAINING_MAX_RATINGS)


def next_item_config() -> NextItemConfig | None:
    """The next-item model's hyperparameters; None where the settings turn it off."""
    return replace(NextItemConfig.nightly(), dimensions=NEXT_ITEM_DIMENSIONS) if settings.TRAINING_NEXT_ITEM else None


def popularity_config() -> PopularityConfig:
    """The hyperparameters of popularity, from the settings."""
    return PopularityConfig(half_life_days=settings.POPULAR_HALF_LIFE_DAYS)


def shipped_config() -> TunedConfig:
    """The shipped hyperparameters, with the weights and within the limits of the settings."""
    return TunedConfig(EnsembleConfig(max_items=settings.TRAINING_MAX_ITEMS), FeedbackConfig(weights=event_weights()))


def tuned_config() -> TunedConfig:
    """The best configuration of the newest finished tuning run if it beats the shipped one, else the shipped one.

    One query. A configuration that this release cannot read is logged and ignored.
    """
    run = TuningRun.objects.filter(status=TuningRun.Status.FINISHED).first()
    if run is None or not run.improves:
        return shipped_config()
    try:
        found = config_from_json(TunedConfig, run.configuration)
    except ConfigError as error:
        logger.error("tuning_not_readable", run=run.pk, reason=str(error))
        return shipped_config()
    return replace(
        found,
        ranker=found.ranker.within(shipped_config().ranker),
        feedback=replace(found.feedback, weights=event_weights()),
    )
