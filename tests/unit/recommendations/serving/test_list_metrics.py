"""What is counted of lists: the cache, whom they are for, their sources and stages."""

from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from recommendations.serving.list_metrics import state_of
from recommendations.serving.present import COLUMNS
from tests.unit.recommendations.serving.answers import act, served


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_miss_and_a_hit(cast):
    before = {state: value("recsys_lists_total", state=state) for state in ("miss", "hit")}
    computed = value("recsys_lists_computed_total", state="known")

    served(cast.alice)
    served(cast.alice)

    assert value("recsys_lists_total", state="miss") - before["miss"] == 1
    assert value("recsys_lists_total", state="hit") - before["hit"] == 1
    assert value("recsys_lists_computed_total", state="known") - computed == 1


def test_whom_lists_are_for(cast):
    before = {state: value("recsys_lists_computed_total", state=state) for state in ("cold", "warm")}

    served(cast.carol)
    act(cast, cast.bob, "Heat", "like")
    served(cast.bob)

    added = {state: value("recsys_lists_computed_total", state=state) - count for state, count in before.items()}
    assert added == {"cold": 1, "warm": 1}


@pytest.mark.parametrize(
    ("version", "state", "popular", "counted"),
    [(None, "cold", 1.0, "fallback"), (1, "new", 1.0, "fallback"), (1, "new", 0.5, "warm"), (1, "cold", 1.0, "cold")],
)
def test_popular_movies_alone_are_a_fallback(version, state, popular, counted):
    shares = [0.0, 1 - popular, popular]

    assert COLUMNS[2] == "popular"
    assert state_of(SimpleNamespace(version_id=version, user_state=state), shares) == counted


def test_shares_of_a_list_sum_to_one_and_stages_are_timed(cast):
    sources = ("batch", "realtime", "popular", "mood")
    before = sum(value("recsys_list_source_shares_total", source=source) for source in sources)
    stages = ("gather", "rank", "present", "store")
    timed = [value("recsys_list_stage_duration_seconds_count", stage=stage) for stage in stages]

    served(cast.alice)

    after = sum(value("recsys_list_source_shares_total", source=source) for source in sources)
    assert abs(after - before - 1) < 0.001
    assert [value("recsys_list_stage_duration_seconds_count", stage=stage) for stage in stages] == [
        n + 1 for n in timed
    ]
