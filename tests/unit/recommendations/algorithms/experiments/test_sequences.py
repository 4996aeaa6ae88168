"""The figures of one look: estimates by person, intervals, p-values, power and the sample ratio."""

import math

import numpy as np
import pytest

from recommendations.algorithms.experiments.sequences import (
    ALPHA,
    Estimate,
    always_valid_p,
    compare,
    detectable_effect,
    estimate,
    half_width,
    interval_of,
    people_needed,
    sample_ratio_p,
)


def arm(mean: float, error: float, people: int = 1000) -> Estimate:
    return Estimate(people, mean * people, people, mean, error)


def test_a_mean_per_person_has_the_textbook_error():
    values = np.array([1.0, 2.0, 4.0, 5.0])

    found = estimate(values, np.ones(4))

    assert found.mean == 3.0
    assert found.standard_error == pytest.approx(values.std(ddof=1) / 2)


def test_a_ratio_is_clustered_by_person():
    # Each person clicks all or nothing of 10 movies: 40 people are 40 observations, not 400.
    sums, counts = np.array([10.0, 0.0] * 20), np.full(40, 10.0)

    found = estimate(sums, counts)

    assert found.mean == 0.5
    assert found.standard_error == pytest.approx(math.sqrt(0.25 / 39))


def test_one_person_or_nothing_shown_has_no_mean():
    assert math.isnan(estimate(np.array([1.0]), np.array([2.0])).mean)
    assert math.isnan(estimate(np.zeros(5), np.zeros(5)).mean)
    assert math.isnan(estimate(np.zeros(0), np.zeros(0)).mean)


def test_the_interval_excludes_0_exactly_when_p_is_below_alpha():
    for difference in np.linspace(-0.1, 0.1, 101):
        outside = abs(difference) > half_width(0.01, 0.03)
        assert outside == (always_valid_p(difference, 0.01, 0.03) < ALPHA)


def test_the_interval_is_wider_than_a_single_look():
    for error in (0.001, 0.01, 0.1):
        assert half_width(error, 0.02) > 1.96 * error


def test_more_information_narrows_the_interval():
    halves = [half_width(error, 0.02) for error in (0.1, 0.03, 0.01, 0.003, 0.001)]

    assert halves == sorted(halves, reverse=True)


def test_an_arm_is_compared_with_the_control():
    found = compare(arm(0.12, 0.003), arm(0.10, 0.004), effect=0.02)

    assert found.difference == pytest.approx(0.02)
    assert found.relative == pytest.approx(0.2)
    assert found.standard_error == pytest.approx(0.005)
    assert found.interval.low < found.difference < found.interval.high
    assert found.interval.low > 0
    assert found.p_value < ALPHA
    assert found.detectable == pytest.approx(detectable_effect(0.005, 0.02))


def test_no_difference_has_a_p_value_of_1():
    assert compare(arm(0.1, 0.003), arm(0.1, 0.003), effect=0.02).p_value == 1.0


def test_a_control_without_clicks_has_no_relative_difference():
    assert compare(arm(0.1, 0.003), arm(0.0, 0.003), effect=0.02).relative is None


@pytest.mark.parametrize("other", [arm(0.1, 0.003, people=99), arm(0.1, 0.0), arm(math.nan, math.nan)])
def test_too_little_data_is_not_compared(other):
    assert compare(other, arm(0.1, 0.003), effect=0.02) is None
    assert compare(arm(0.1, 0.003), other, effect=0.02) is None
    assert interval_of(other, 0.02) is None


def test_a_smaller_alpha_widens_the_interval():
    one, of_three = (compare(arm(0.12, 0.003), arm(0.1, 0.003), effect=0.02, alpha=ALPHA / n) for n in (1, 3))

    assert of_three.interval.high > one.interval.high


def test_the_needed_people_show_the_effect():
    needed = people_needed(0.3, 0.02)

    assert detectable_effect(0.3 * math.sqrt(2 / needed), 0.02) <= 0.02
    assert detectable_effect(0.3 * math.sqrt(2 / (needed - 1)), 0.02) > 0.02


def test_people_in_proportion_fit_the_weights():
    assert sample_ratio_p([5_040, 4_960], [1, 1]) > 0.5
    assert sample_ratio_p([0, 0], [1, 1]) == 1.0


def test_a_broken_assignment_shows():
    assert sample_ratio_p([5_400, 4_600], [1, 1]) < 0.001
    assert sample_ratio_p([5_000, 5_000], [1, 2]) < 0.001
