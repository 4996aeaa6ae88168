"""A wrong setting of serving is named by its environment variable before a process serves anything."""

import json
import math
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.reranking import RerankConfig
from recommendations.algorithms.listing.scoring import RankingConfig
from recommendations.retrieval.config import ServingConfig, check_serving_config, serving_config
from recsys_project.embedded.addresses import PROJECT_DIR

SETTING_OF = {
    "BLEND_WEIGHT_BATCH": ("BLEND_WEIGHTS", "batch"),
    "BLEND_WEIGHT_REALTIME": ("BLEND_WEIGHTS", "realtime"),
    "BLEND_NEWER_DECAY": ("BLEND_WEIGHTS", "newer_decay"),
    "BLEND_BATCH_FLOOR": ("BLEND_WEIGHTS", "batch_floor"),
    "BLEND_POPULARITY_PRIOR": ("BLEND_WEIGHTS", "popularity_prior"),
    "DIVERSITY": ("RERANKING", "diversity"),
    "GROUP_CAP": ("RERANKING", "group_cap"),
}
BAD = [
    *[(name, -1.0) for name in SETTING_OF if name != "GROUP_CAP"],
    *[(name, math.nan) for name in SETTING_OF if name != "GROUP_CAP"],
    *[(name, math.inf) for name in SETTING_OF if name != "GROUP_CAP"],
    ("BLEND_WEIGHT_BATCH", 1e308),
    ("BLEND_BATCH_FLOOR", 1.1),
    ("DIVERSITY", 1.1),
    ("GROUP_CAP", -1),
    ("GROUP_CAP", 2.5),
    ("MOOD_WEIGHT", 2.0),
    ("MOOD_WEIGHT", -0.1),
    ("MOOD_WEIGHT", math.nan),
    ("MOOD_WEIGHT", "0.5"),
    ("MOOD_WEIGHT", None),
    ("MOOD_WEIGHT_COLD", 1.5),
    ("EXPLORATION_PLACES", 15),
    ("EXPLORATION_PLACES", -1),
    ("EXPLORATION_PLACES", True),
    ("EXPLORATION_DAYS", -1.0),
    ("EXPLORATION_DAYS", math.nan),
    ("RECOMMENDATIONS_CACHE_SECONDS", -1),
    ("RECOMMENDATIONS_CACHE_SECONDS", 10**12),
    ("REPEAT_AFTER_HOURS", -1),
    ("REPEAT_AFTER_HOURS", 0.5),
    ("POPULAR_LIST_SIZE", 0),
    ("POPULAR_CACHE_SECONDS", 0),
    ("SIMILAR_CACHE_SECONDS", 0),
    ("SEARCH_CACHE_SECONDS", 0),
    ("LATEST_CACHE_SECONDS", 0),
    ("GENRES_CACHE_SECONDS", 0),
    ("TRENDING_CACHE_SECONDS", 0),
    ("TRENDING_WINDOW_DAYS", 0.0),
    ("TRENDING_WINDOW_DAYS", 1e9),
    ("TRENDING_WINDOW_DAYS", math.nan),
    ("TRENDING_MIN_VOTES", -1),
    ("TRENDING_MIN_PEOPLE", -1),
    ("CURATION_MAX_SHARE", 1.1),
]
GOOD = [
    ("BLEND_WEIGHT_BATCH", 0.0),
    ("BLEND_WEIGHT_REALTIME", 0.0),
    ("BLEND_WEIGHT_BATCH", 70.0),
    ("BLEND_NEWER_DECAY", 0.0),
    ("BLEND_BATCH_FLOOR", 1.0),
    ("DIVERSITY", 1.0),
    ("GROUP_CAP", 0),
    ("MOOD_WEIGHT", 0),
    ("MOOD_WEIGHT", 1.0),
    ("EXPLORATION_PLACES", 0),
    ("EXPLORATION_PLACES", 14),
    ("EXPLORATION_DAYS", math.inf),
    ("RECOMMENDATIONS_CACHE_SECONDS", 0),
    ("TRENDING_WINDOW_DAYS", 0.5),
]


def override(settings, variable, value):
    name, key = SETTING_OF.get(variable, (variable, None))
    setattr(settings, name, getattr(settings, name) | {key: value} if key else value)


def messages():
    return [error.msg for error in check_serving_config()]


def test_the_shipped_settings_are_those_of_the_algorithms():
    assert check_serving_config() == []
    assert serving_config().ranking(BlendConfig()) == RankingConfig()
    assert serving_config().reranking == RerankConfig()


@pytest.mark.parametrize(("variable", "value"), BAD)
def test_a_bad_value_is_named_and_stops_the_config(settings, variable, value):
    override(settings, variable, value)

    (message,) = messages()
    assert message.startswith(f"{variable}: {value!r} is not a ")
    with pytest.raises(ImproperlyConfigured, match=f"^{variable}: "):
        serving_config()


@pytest.mark.parametrize(("variable", "value"), GOOD)
def test_a_value_at_the_end_of_its_range_passes(settings, variable, value):
    override(settings, variable, value)

    assert messages() == []
    assert isinstance(serving_config(), ServingConfig)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MOOD_WEIGHT", 2.0, "MOOD_WEIGHT: 2.0 is not a number from 0 to 1."),
        ("EXPLORATION_PLACES", 15, "EXPLORATION_PLACES: 15 is not a whole number from 0 to 14."),
        ("EXPLORATION_DAYS", -1.0, "EXPLORATION_DAYS: -1.0 is not a number from 0."),
        ("BLEND_NEWER_DECAY", math.inf, "BLEND_NEWER_DECAY: inf is not a finite number from 0."),
        ("TRENDING_WINDOW_DAYS", 0.0, "TRENDING_WINDOW_DAYS: 0.0 is not a number from 0.01 to 36500."),
        ("GENRES_CACHE_SECONDS", 0, "GENRES_CACHE_SECONDS: 0 is not a whole number from 1 to 31622400."),
    ],
)
def test_a_message_says_what_the_value_may_be(settings, variable, value, message):
    override(settings, variable, value)

    assert messages() == [message]


def test_settings_win_over_what_a_version_was_published_with(settings):
    published = BlendConfig(batch=0.4, realtime=0.6, newer_decay=1, batch_floor=0.3, popularity_prior=2)
    assert serving_config().ranking(published).blend == published

    settings.BLEND_WEIGHTS = settings.BLEND_WEIGHTS | {"batch": 0.1, "newer_decay": 0.0}

    assert serving_config().ranking(published).blend == replace(published, batch=0.1, newer_decay=0.0)


def test_a_weight_set_to_0_beside_a_published_0_leaves_the_default(settings):
    settings.BLEND_WEIGHTS = settings.BLEND_WEIGHTS | {"realtime": 0.0}

    assert serving_config().ranking(BlendConfig(batch=0.0, realtime=1.0)).blend == BlendConfig(batch=0.7, realtime=0.0)


def test_weights_that_are_both_0_are_one_error(settings):
    settings.BLEND_WEIGHTS = settings.BLEND_WEIGHTS | {"batch": 0.0, "realtime": 0.0}

    (error,) = check_serving_config()
    assert error.id == "recommendations.E002"
    assert "BLEND_WEIGHT_BATCH" in error.msg
    assert "BLEND_WEIGHT_REALTIME" in error.msg


def test_each_bad_value_has_an_error_of_its_own(settings):
    settings.MOOD_WEIGHT = 2.0
    settings.RERANKING = {"diversity": -1.0, "group_cap": -1}

    named = {error.msg.partition(":")[0]: error.id for error in checks.run_checks()}
    assert named == dict.fromkeys(("MOOD_WEIGHT", "DIVERSITY", "GROUP_CAP"), "recommendations.E001")
    with pytest.raises(ImproperlyConfigured) as refused:
        serving_config()
    assert len(str(refused.value).splitlines()) == 3


def test_one_frozen_config_a_process(settings):
    assert serving_config() is serving_config()
    with pytest.raises(FrozenInstanceError):
        serving_config().exploration_places = 2
    with pytest.raises(FrozenInstanceError):
        serving_config().mood_weight = 0.1

    settings.MOOD_WEIGHT = 0.1

    assert serving_config().mood_weight == 0.1


# An environment in which every setting of serving differs from what is shipped.
ENVIRONMENT = {
    "BLEND_WEIGHT_BATCH": "0.6",
    "BLEND_WEIGHT_REALTIME": "0.4",
    "BLEND_NEWER_DECAY": "1.5",
    "BLEND_BATCH_FLOOR": "0.2",
    "BLEND_POPULARITY_PRIOR": "3.5",
    "DIVERSITY": "0.25",
    "GROUP_CAP": "2",
    "MOOD_WEIGHT": "0.75",
    "MOOD_WEIGHT_COLD": "0.85",
    "EXPLORATION_PLACES": "3",
    "EXPLORATION_DAYS": "12.5",
    "RECOMMENDATIONS_CACHE_SECONDS": "101",
    "REPEAT_AFTER_HOURS": "24",
    "POPULAR_LIST_SIZE": "102",
    "POPULAR_CACHE_SECONDS": "103",
    "SIMILAR_CACHE_SECONDS": "104",
    "SEARCH_CACHE_SECONDS": "105",
    "LATEST_CACHE_SECONDS": "106",
    "GENRES_CACHE_SECONDS": "107",
    "TRENDING_CACHE_SECONDS": "108",
    "TRENDING_WINDOW_DAYS": "109.5",
    "TRENDING_MIN_VOTES": "110",
    "TRENDING_MIN_PEOPLE": "111",
    "CURATION_MAX_SHARE": "0.112",
}


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_DIR,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_each_variable_reaches_its_field():
    program = (
        "import dataclasses, json, django; django.setup();"
        "from recommendations.retrieval.config import serving_config;"
        "print(json.dumps(dataclasses.asdict(serving_config())))"
    )

    done = run("-c", program, **ENVIRONMENT)

    config = json.loads(done.stdout)
    read = config.pop("blend") | config.pop("reranking") | config
    assert sorted(read) == sorted(
        field.name
        for kind in (BlendConfig, RerankConfig, ServingConfig)
        for field in fields(kind)
        if field.name not in ("blend", "reranking")
    )
    assert [read.pop("top"), read.pop("pool_factor")] == [RerankConfig().top, RerankConfig().pool_factor]
    assert sorted(map(float, read.values())) == sorted(map(float, ENVIRONMENT.values()))
    assert read["mood_weight"] == 0.75
    assert read["mood_weight_cold"] == 0.85
    assert read["list_cache_seconds"] == 101


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("EXPLORATION_PLACES", "1.5", "'1.5' is not a whole number."),
        ("MOOD_WEIGHT", "half", "'half' is not a number."),
        ("SEARCH_CACHE_SECONDS", "", "'' is not a whole number."),
    ],
)
def test_manage_check_names_a_variable_that_is_no_number(variable, value, message):
    done = run("manage.py", "check", **{variable: value})

    assert done.returncode == 1
    assert f"{variable}: {message}" in done.stderr
    assert "Traceback" not in done.stderr


def test_each_bad_value_is_named_at_once():
    bad = {
        "BLEND_WEIGHT_BATCH": ("-1", "-1.0 is not a number from 0 to 1000."),
        "BLEND_WEIGHT_REALTIME": ("nan", "nan is not a number from 0 to 1000."),
        "GROUP_CAP": ("-1", "-1 is not a whole number from 0 to 2147483647."),
        "MOOD_WEIGHT": ("2", "2.0 is not a number from 0 to 1."),
        "EXPLORATION_PLACES": ("15", "15 is not a whole number from 0 to 14."),
        "TRENDING_WINDOW_DAYS": ("0", "0.0 is not a number from 0.01 to 36500."),
    }

    done = run("manage.py", "check", **{variable: value for variable, (value, _) in bad.items()})

    assert done.returncode == 1
    errors = [line.partition("E001) ")[2] for line in done.stderr.splitlines() if "E001)" in line]
    assert sorted(errors) == sorted(f"{variable}: {message}" for variable, (_, message) in bad.items())
    assert "Traceback" not in done.stderr


def test_the_web_process_does_not_start_with_a_bad_value():
    done = run("-c", "import recsys_project.wsgi", MOOD_WEIGHT="2")

    assert done.returncode != 0
    assert "ImproperlyConfigured: MOOD_WEIGHT: 2.0 is not a number from 0 to 1." in done.stderr
