from dataclasses import replace

import pytest

from recommendations.training import services as training
from recommendations.training.gate import GateConfig, Trained, gate

CONFIG = GateConfig(max_shrink=0.5, min_people=20)
LIVE = Trained(number=7, people=100, movies=1000, interactions=5000)


def measured(own: float, popular: float, people: int = 100) -> Trained:
    metrics = {"ndcg@10": own, "people": people, "popularity": {"ndcg@10": popular}}
    return replace(LIVE, number=8, metrics=metrics)


def test_a_candidate_of_about_the_same_data_passes():
    assert gate(measured(0.3, 0.2), LIVE, CONFIG) == ""
    assert gate(measured(0.2, 0.2), LIVE, CONFIG) == ""


@pytest.mark.parametrize("name", ["interactions", "people", "movies"])
def test_data_that_shrank_by_more_than_half_is_named(name):
    before = getattr(LIVE, name)

    assert gate(replace(LIVE, number=8, **{name: before // 2}), LIVE, CONFIG) == ""
    reason = gate(replace(LIVE, number=8, **{name: before // 2 - 1}), LIVE, CONFIG)
    assert f"{before // 2 - 1:,} {name} against {before:,} of version 7" in reason


@pytest.mark.parametrize("own", [0.1999, 0.0, float("nan")])
def test_a_ranking_worse_than_popularity_is_refused(own):
    assert "worse than popularity" in gate(measured(own, 0.2), LIVE, CONFIG)
    assert "worse than popularity" in gate(measured(own, 0.2), None, CONFIG)


def test_worse_by_chance_is_not_worse():
    metrics = measured(0.15, 0.2).metrics

    assert gate(replace(LIVE, metrics={**metrics, "above_popularity": [-0.12, 0.02]}), LIVE, CONFIG) == ""
    assert "worse" in gate(replace(LIVE, metrics={**metrics, "above_popularity": [-0.08, -0.01]}), LIVE, CONFIG)


def test_every_reason_is_given():
    reason = gate(replace(measured(0.1, 0.2), interactions=5, people=1), LIVE, CONFIG)

    assert all(word in reason for word in ("worse than popularity", "5 interactions", "1 people"))
    assert "movies" not in reason


def test_nothing_is_refused_without_a_live_version_or_figures():
    tiny = Trained(number=1, people=1, movies=4, interactions=3)

    assert gate(tiny, None, CONFIG) == ""
    assert gate(measured(0.0, 0.9, people=19), None, CONFIG) == ""
    # A version written by hand says nothing of its data.
    assert gate(tiny, Trained(number=1, people=0, movies=0, interactions=0), CONFIG) == ""


def test_shrinking_can_be_allowed():
    assert gate(replace(LIVE, interactions=1), LIVE, replace(CONFIG, max_shrink=1.0)) == ""


def test_the_settings_decide(world, settings):
    settings.GATE_MIN_PEOPLE = 1
    settings.TRAINING_EVALUATED_PEOPLE = 12

    assert training.training_run().refusal == ""


def against_live(low: float, high: float, *, version: int = 7, people: int = 100, own: float = 0.3) -> Trained:
    """A candidate measured beside version 7's configuration, whose nDCG@10 is 0.4."""
    metrics = {
        "ndcg@10": own,
        "people": people,
        "live": {"version": version, "ndcg@10": 0.4},
        "above_live": [low, high],
    }
    return replace(LIVE, number=8, metrics=metrics)


@pytest.mark.parametrize("interval", [(-0.03, -0.01), (-0.06, -0.02), (-0.2, 0.01), (0.01, 0.02)])
def test_a_loss_within_the_margin_passes(interval):
    # 5% of 0.4 is 0.02.
    assert gate(against_live(*interval), LIVE, CONFIG) == ""


@pytest.mark.parametrize("interval", [(-0.06, -0.021), (float("nan"), float("nan"))])
def test_a_ranking_clearly_worse_than_the_live_one_is_refused(interval):
    reason = gate(against_live(*interval), LIVE, CONFIG)

    assert "worse than version 7, which is live: nDCG@10 0.3000 against 0.4000" in reason
    assert "lead" not in reason


def test_another_live_version_or_few_people_are_not_compared():
    worse = {"low": -0.3, "high": -0.2}

    assert gate(against_live(**worse), None, CONFIG) == ""
    assert gate(against_live(**worse, version=6), LIVE, CONFIG) == ""
    assert gate(against_live(**worse, people=19), LIVE, CONFIG) == ""
    assert gate(against_live(**worse), LIVE, replace(CONFIG, max_worse=1.0)) == ""
    assert gate(replace(LIVE, metrics={"live": {"version": 7, "same_configuration": True}}), LIVE, CONFIG) == ""


def leading(low: float, high: float, people: int = 100) -> Trained:
    return replace(LIVE, metrics={"above_popularity": [low, high], "people": people})


@pytest.mark.parametrize(
    ("ours", "theirs", "refused"),
    [
        ((-0.02, 0.01), (0.10, 0.14), True),
        ((0.02, 0.049), (0.10, 0.14), True),
        # Half of the lead, at least, may be left.
        ((0.02, 0.051), (0.10, 0.14), False),
        ((-0.02, 0.01), (-0.01, 0.14), False),
        ((0.20, 0.24), (0.10, 0.14), False),
    ],
)
def test_a_lost_lead_over_popularity_is_refused(ours, theirs, refused):
    reason = gate(leading(*ours), leading(*theirs), CONFIG)

    assert ("lead over popularity is lost" in reason) == refused
    assert bool(reason) == refused


def test_a_lead_of_few_people_or_unmeasured_is_not_judged():
    lost, good = leading(-0.02, 0.01), leading(0.10, 0.14)

    assert gate(leading(-0.02, 0.01, people=19), good, CONFIG) == ""
    assert gate(lost, leading(0.10, 0.14, people=19), CONFIG) == ""
    assert gate(lost, LIVE, CONFIG) == ""
    assert gate(lost, None, CONFIG) == ""
    assert gate(lost, good, replace(CONFIG, max_lost_lead=1.0)) == ""


def rated(error: float, ratings: int = 1000) -> Trained:
    return replace(LIVE, metrics={"rating_rmse_baseline": error, "ratings_held_out": ratings})


@pytest.mark.parametrize(("error", "refused"), [(0.9, False), (1.1, False), (1.11, True), (float("nan"), True)])
def test_scattered_ratings_are_refused(error, refused):
    reason = gate(rated(error), rated(1.0), CONFIG)

    assert ("ratings are scattered" in reason) == refused
    assert bool(reason) == refused


def test_few_or_unmeasured_ratings_are_not_judged():
    assert gate(rated(2.0, ratings=999), rated(1.0), CONFIG) == ""
    assert gate(rated(2.0), rated(1.0, ratings=999), CONFIG) == ""
    assert gate(rated(2.0), LIVE, CONFIG) == ""
    assert gate(rated(2.0), None, CONFIG) == ""
    assert gate(rated(2.0), rated(1.0), replace(CONFIG, max_rating_error=float("inf"))) == ""
