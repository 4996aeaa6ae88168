"""What a model version was published with for serving: its parameters and the space of its queries."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.listing.query_mixture import MixedSpace
from recommendations.algorithms.listing.scoring import RankingConfig
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.model_files import ModelFileError
from recommendations.models import ModelVersion
from recommendations.retrieval.config import serving_config
from recommendations.vectors.artefacts import mixed_space_load

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VersionServing:
    """How lists of one version are made.

    parameters: as published; ranking: with the settings, which win; space: makes queries over joined factors, None for
    few-shot queries alone.
    """

    ranking: RankingConfig
    parameters: ServingParameters = field(default_factory=ServingParameters)
    space: MixedSpace | None = None


def version_serving(version_id: int | None) -> VersionServing:
    """Read it: one query, and the version's file once per process. The defaults without a version.

    Parameters that this release cannot read are logged, and the defaults are used; a space that cannot be read is
    logged, and lists come from the few-shot factors alone.
    """
    rows = ModelVersion.objects.only("artefacts", "serving")
    version = None if version_id is None else rows.filter(pk=version_id).first()
    if version is None:
        return VersionServing(serving_config().ranking(ServingParameters().blend))
    parameters = serving_parameters(version)
    return VersionServing(serving_config().ranking(parameters.blend), parameters, _space(version))


def serving_parameters(version: ModelVersion) -> ServingParameters:
    """The parameters that it was published with; the defaults where this release cannot read them, which is logged."""
    try:
        return config_from_json(ServingParameters, version.serving)
    except ConfigError as error:
        logger.error("serving_parameters_not_readable", version=version.pk, reason=str(error))
        return ServingParameters()


def _space(version: ModelVersion) -> MixedSpace | None:
    try:
        return mixed_space_load(version=version)
    except ModelFileError as error:
        logger.warning("next_item_model_not_loaded", version=version.pk, reason=str(error))
        return None
