from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.popularity import (
    SECONDS_A_DAY,
    Popularity,
    PopularityConfig,
    damped_popularity,
    decay,
    top_scored,
)

CONFIG = PopularityConfig(half_life_days=10, floor=0.2, damping=5)


def test_feedback_fades_by_half_of_what_is_above_the_floor():
    weights = decay(np.array([0, 10, 20, 100_000, -5]) * SECONDS_A_DAY, CONFIG)

    assert weights.tolist() == pytest.approx([1, 0.6, 0.4, 0.2, 1])


def test_the_score_is_the_damped_mean_times_the_count():
    count, total = np.array([3.0, 1.0, 0.0]), np.array([12.0, 5.0, 0.0])
    mean = 17 / 4

    scores = damped_popularity(count, total, CONFIG)

    expected = [3 * (12 + 5 * mean) / 8, 1 * (5 + 5 * mean) / 6, 0]
    assert scores.tolist() == pytest.approx(expected)


def test_with_an_exponent_the_average_outweighs_the_count():
    count, total = np.array([100.0, 80.0]), np.array([300.0, 360.0])

    assert damped_popularity(count, total, replace(CONFIG, rating_exponent=0.0)).tolist() == [100, 80]
    by_average = damped_popularity(count, total, replace(CONFIG, rating_exponent=4.0))
    assert by_average[1] > by_average[0]


def test_a_single_top_rating_does_not_beat_many_good_ones():
    scores = damped_popularity(np.array([1.0, 200.0]), np.array([5.0, 860.0]), PopularityConfig())

    assert scores[1] > scores[0]


def test_the_best_of_a_genre_are_of_that_genre_and_have_votes():
    scores = np.array([3, 9, 0, 5], np.float32)

    assert top_scored(scores, 10)[0].tolist() == [1, 3, 0]
    assert top_scored(scores, 2, np.array([True, False, True, True]))[0].tolist() == [3, 0]
    assert top_scored(scores, 2, np.zeros(4, np.bool_))[0].tolist() == []


def test_newer_ratings_count_more_and_views_do_not_count():
    data = Interactions.from_columns(
        np.array([1, 2, 3]),
        np.array([1, 2, 3]),
        ratings=np.array([4, 4, np.nan], np.float32),
        timestamps=np.array([0, 400, 400]) * SECONDS_A_DAY,
    )
    scores = Popularity().fit(data).item_scores

    assert scores[1] > scores[0] > 0
    assert scores[2] == 0
