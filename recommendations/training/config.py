"""Which hyperparameters the ranker is trained with: those shipped, or those that tuning found to be better here."""

from __future__ import annotations

from dataclasses import replace

import structlog
from django.conf import settings

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.pipeline.tune import TunedConfig
from recommendations.algorithms.rankers.ensemble import EnsembleConfig
from recommendations.models import TuningRun

logger = structlog.get_logger(__name__)


def shipped_config() -> TunedConfig:
    """What is shipped, within the limits of the settings."""
    return TunedConfig(EnsembleConfig(max_items=settings.TRAINING_MAX_ITEMS))


def tuned_config() -> TunedConfig:
    """What the newest finished tuning found, if it beats what is shipped, which it started from; else what is shipped.

    One query. A configuration of another release, which no longer reads, is logged and left.
    """
    run = TuningRun.objects.filter(status=TuningRun.Status.FINISHED).first()
    if run is None or not run.pays:
        return shipped_config()
    try:
        found = config_from_json(TunedConfig, run.configuration)
    except ConfigError as error:
        logger.error("tuning_not_readable", run=run.pk, reason=str(error))
        return shipped_config()
    return replace(found, ranker=replace(found.ranker, max_items=settings.TRAINING_MAX_ITEMS))
