"""The live version as an opponent of the one in training: its configuration, on the same data."""

from __future__ import annotations

import structlog
from django.conf import settings

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.feedback_blocks import reweigh
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.incumbent import Incumbent
from recommendations.algorithms.pipeline.train import TrainingConfig
from recommendations.algorithms.pipeline.tune import TunedConfig
from recommendations.models import ModelVersion

logger = structlog.get_logger(__name__)


def incumbent_read(interactions: Interactions, config: TrainingConfig) -> Incumbent | None:
    """The live version's configuration, compared with the candidate's; None without one, or where it is not judged.

    interactions: the candidate's data, weighed again if the live version weighs feedback otherwise. One query. A
    configuration that this release cannot read is logged, and there is no comparison.
    """
    live = ModelVersion.objects.live().only("pk", "hyperparameters").first()
    if live is None or not config.evaluated_people or settings.GATE_MAX_WORSE >= 1:
        return None
    stored = live.hyperparameters
    if not {"ranker", "feedback"} <= set(stored):
        return None
    try:
        found = config_from_json(TunedConfig, {name: stored[name] for name in ("ranker", "feedback")})
    except ConfigError as error:
        logger.warning("live_configuration_not_readable", version=live.pk, reason=str(error))
        return None
    ranker = found.ranker.within(config.ranker)
    if found.feedback == config.feedback:
        return Incumbent(live.pk, None if ranker == config.ranker else ranker)
    return Incumbent(live.pk, ranker, reweigh(interactions, found.feedback).weights)
