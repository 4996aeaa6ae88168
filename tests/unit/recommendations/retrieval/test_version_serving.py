"""Parameters published with a version: what lists are made with, unless settings say otherwise."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.services import interaction_record
from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.query_mixture import MixtureConfig
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.listing.session_query import RealtimeConfig
from recommendations.models import ModelVersion
from recommendations.retrieval import movie_features
from recommendations.retrieval.movie_features import MovieFeatureCache
from recommendations.serving import services
from recommendations.serving.gather import gather_for_user
from recommendations.training import services as training

PARAMETERS = ServingParameters(
    BlendConfig(batch=0.2, realtime=0.8, popularity_prior=0.0),
    RealtimeConfig(signals=2, recency_half_life=1.0),
    MixtureConfig(half_share_signals=1.0),
)


def publish(version: ModelVersion, parameters: dict) -> None:
    version.serving = parameters
    version.save()
    movie_features.clear_cache()


def test_a_list_is_made_with_what_its_version_was_published_with(cast):
    publish(cast.version, PARAMETERS.as_dict())
    for title in ("Toy Story", "Babe", "Heat"):
        interaction_record(user=cast.bob, movie_id=cast[title].pk, kind="like")

    gathered = gather_for_user(cast.bob.pk)

    assert gathered.ranking.blend == PARAMETERS.blend
    assert gathered.pool.weights == {"batch": 0.0, "realtime": 1.0, "popular": 0.0}
    assert gathered.pool.profile.weights.tolist() == [1.0, 0.5]
    assert json.loads(services.recommendation_list(user=cast.bob, limit=5))["items"]


def test_settings_win(cast, settings):
    publish(cast.version, PARAMETERS.as_dict())
    settings.BLEND_WEIGHTS = settings.BLEND_WEIGHTS | {"batch": 3.2}

    found = MovieFeatureCache().serving(cast.version.pk)

    assert found.parameters == PARAMETERS
    assert found.ranking.blend == replace(PARAMETERS.blend, batch=3.2)


def test_a_version_without_parameters_and_no_version_have_the_defaults(cast):
    for version_id in (cast.version.pk, None):
        found = MovieFeatureCache().serving(version_id)
        assert found.parameters == ServingParameters()
        assert found.ranking.blend == BlendConfig()
        assert found.space is None


@pytest.mark.parametrize(
    "unreadable",
    [
        {"blend": {"new": 1}},
        {"blend": None},
        {"blend": {"batch": 10**400}},
        {"blend": {"batch": "NaN"}},
        {"realtime": {"signals": 0}},
        ["blend"],
        {"other": 1},
    ],
)
def test_parameters_of_another_release_are_logged_once_and_the_defaults_used(cast, caplog, unreadable):
    publish(cast.version, unreadable)
    features = MovieFeatureCache()

    with caplog.at_level(logging.ERROR):
        found = [features.serving(cast.version.pk) for _ in range(2)]

    assert found[0] is found[1]
    assert found[0].parameters == ServingParameters()
    errors = [record for record in caplog.records if "serving_parameters_not_readable" in record.getMessage()]
    assert len(errors) == 1


def test_they_are_read_once_under_one_token(cast):
    features = MovieFeatureCache()
    features.serving(cast.version.pk)

    with CaptureQueriesContext(connection) as queries:
        features.serving(cast.version.pk)

    assert not queries.captured_queries


def test_a_training_publishes_what_its_model_chose(world, monkeypatch):
    real = training.train

    def choose(*args, **kwargs):
        model = real(*args, **kwargs)
        model.serving = PARAMETERS
        return model

    monkeypatch.setattr(training, "train", choose)
    version = training.training_run()

    found = MovieFeatureCache().serving(version.pk)

    assert ModelVersion.objects.get(pk=version.pk).serving == PARAMETERS.as_dict()
    assert found.parameters == PARAMETERS
    assert np.isfinite(found.space.few_shot_covariance).all()
