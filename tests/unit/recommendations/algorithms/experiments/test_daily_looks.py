"""Simulated experiments that are read on each of 35 days: false positives and power.

2,000 experiments without a difference: the rate of false positives is known to half a percent.
"""

import numpy as np
import pytest

from recommendations.algorithms.experiments.sequences import detectable_effect
from tests.unit.recommendations.algorithms.experiments.simulation import simulate

EFFECT = 0.02


@pytest.fixture(scope="module")
def without_difference():
    return simulate(2_000, lift=0.0, effect=EFFECT, seed=20)


def test_daily_looks_keep_false_positives_at_5_percent(without_difference):
    assert without_difference.always_valid.mean() <= 0.05


def test_a_t_test_read_daily_has_too_many_false_positives(without_difference):
    assert without_difference.naive.mean() > 0.12


def test_the_intervals_of_all_days_cover_the_difference():
    found = simulate(400, lift=EFFECT, effect=EFFECT, seed=21)

    assert found.covered.mean() >= 0.95


def test_the_detectable_effect_is_found_four_times_of_five(without_difference):
    error = float(np.median(without_difference.errors))
    stated = detectable_effect(error, EFFECT)

    found = simulate(400, lift=stated, effect=EFFECT, seed=22)

    assert found.always_valid.mean() >= 0.78
    # A quarter of it is not shown by so few people.
    assert simulate(200, lift=stated / 4, effect=EFFECT, seed=23).always_valid.mean() < 0.3


@pytest.mark.parametrize("prior", [EFFECT / 4, EFFECT * 4])
def test_a_poorly_chosen_prior_costs_power_and_not_validity(prior):
    assert simulate(600, lift=0.0, effect=prior, seed=24).always_valid.mean() <= 0.05
