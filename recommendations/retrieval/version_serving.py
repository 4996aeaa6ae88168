"""What a model version was published with for serving: the space of its queries."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from recommendations.algorithms.listing.query_mixture import MixedSpace
from recommendations.algorithms.model_files import ModelFileError
from recommendations.models import ModelVersion
from recommendations.vectors.artefacts import mixed_space_load

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VersionServing:
    """How lists of one version are made. space: makes queries over joined factors; None: few-shot queries alone."""

    space: MixedSpace | None = None


def version_serving(version_id: int | None) -> VersionServing:
    """Read it: one query, and the version's file once per process. The default without a version.

    A space that cannot be read is logged; lists then come from the few-shot factors alone.
    """
    version = ModelVersion.objects.filter(pk=version_id).only("artefacts").first() if version_id is not None else None
    return VersionServing() if version is None else VersionServing(_space(version))


def _space(version: ModelVersion) -> MixedSpace | None:
    try:
        return mixed_space_load(version=version)
    except ModelFileError as error:
        logger.warning("next_item_model_not_loaded", version=version.pk, reason=str(error))
        return None
