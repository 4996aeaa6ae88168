import json

import pytest

from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.pipeline.tune import TunedConfig
from recommendations.algorithms.rankers.als import AlsConfig
from recommendations.algorithms.rankers.ensemble import EVERY_RATING, EnsembleConfig
from recommendations.algorithms.rankers.user_knn import UserKNNConfig


def round_trip(config: TunedConfig) -> TunedConfig:
    return config_from_json(TunedConfig, json.loads(json.dumps(config.as_dict())))


@pytest.mark.parametrize(
    "config",
    [TunedConfig(), TunedConfig(EVERY_RATING, FeedbackConfig(fair_rating=0.3, age_half_life_days=365.0))],
)
def test_a_configuration_comes_back_from_json_as_it_was(config):
    assert round_trip(config) == config


def test_absent_keys_keep_defaults_and_integers_pass_as_floats():
    config = config_from_json(TunedConfig, {"ranker": {"als": [{"factors": 8, "regularization": 1}]}})

    assert config.ranker.als == (AlsConfig(factors=8, regularization=1.0),)
    assert config.feedback == FeedbackConfig()


def test_names_of_an_earlier_release_are_read():
    stored = {"ranker": {"similar_people": {"locality": 3}, "similar_people_weight": 0.4, "als_weight": 0.5}}

    ranker = config_from_json(TunedConfig, stored).ranker

    assert ranker == EnsembleConfig(user_knn=UserKNNConfig(locality=3), user_knn_weight=0.4, als_weight=0.5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "configuration must be an object"),
        ({"rankr": {}}, "configuration has no 'rankr'; it has feedback, ranker"),
        ({"ranker": {"autoencoder": {"lambda": 3}}}, "configuration.ranker.autoencoder has no 'lambda'"),
        ({"ranker": {"als_weight": "1"}}, "configuration.ranker.als_weight must be a number, not '1'"),
        ({"ranker": {"als_weight": True}}, "configuration.ranker.als_weight must be a number"),
        ({"ranker": {"als_weight": float("nan")}}, "configuration.ranker.als_weight must be a number"),
        ({"ranker": {"als_weight": 10**400}}, "configuration.ranker.als_weight must be a number"),
        ({"ranker": {"als": {}}}, "configuration.ranker.als must be a list"),
        ({"ranker": {"als": [{"factors": 1.5}]}}, r"configuration.ranker.als\[0\].factors must be a whole number"),
        ({"ranker": {"autoencoder": {"regularization": -1}}}, "regularization must be above 0"),
        (
            {"ranker": {"similar_people_weight": 0.1, "user_knn_weight": 0.2}},
            "configuration.ranker has no 'similar_people_weight'",
        ),
        ({"feedback": {"age_half_life_days": 0}}, "age_half_life_days must be above 0"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_place(value, message):
    with pytest.raises(ConfigError, match=message):
        config_from_json(TunedConfig, value)
