"""The tables: model versions, the lists and vectors they publish, searches for hyperparameters, experiments, and
curation."""

from recommendations.models.curation import (
    CuratedRow,
    CuratedRowMovie,
    CurationRule,
    CurationRuleMovie,
    Scenario,
    ScenarioVersion,
)
from recommendations.models.experiments import Experiment, ExperimentArm
from recommendations.models.group_lists import StoredGroupList
from recommendations.models.heartbeats import TrainingHeartbeat
from recommendations.models.lists import BatchRecommendation, PopularMovie
from recommendations.models.readiness import MovieReadiness
from recommendations.models.tuning import TuningRun, TuningTrial
from recommendations.models.vectors import (
    CONTENT_DIMENSIONS,
    ITEM_DIMENSIONS,
    NEXT_ITEM_DIMENSIONS,
    QUERY_DIMENSIONS,
    RATING_DIMENSIONS,
    MovieEmbedding,
)
from recommendations.models.versions import LIVE_VERSION, ModelVersion, VersionDecision

__all__ = [
    "CONTENT_DIMENSIONS",
    "ITEM_DIMENSIONS",
    "LIVE_VERSION",
    "NEXT_ITEM_DIMENSIONS",
    "QUERY_DIMENSIONS",
    "RATING_DIMENSIONS",
    "BatchRecommendation",
    "CuratedRow",
    "CuratedRowMovie",
    "CurationRule",
    "CurationRuleMovie",
    "Experiment",
    "ExperimentArm",
    "ModelVersion",
    "MovieEmbedding",
    "MovieReadiness",
    "PopularMovie",
    "Scenario",
    "ScenarioVersion",
    "StoredGroupList",
    "TrainingHeartbeat",
    "TuningRun",
    "TuningTrial",
    "VersionDecision",
]
