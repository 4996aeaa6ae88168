"""Bringing several people's scores together, on scores small enough to reckon by hand."""

import numpy as np
import pytest

from recommendations.algorithms.listing.group_aggregation import (
    STRATEGIES,
    group_order,
    group_scores,
    popular_share,
    suited,
)

IDS = np.array([10, 20, 30, 40])
SCORES = np.array([[1.0, 0.5, 0.6, 0.2], [0.0, 0.5, 0.4, 0.2]])


@pytest.mark.parametrize(
    ("strategy", "worth", "order"),
    [
        ("least_misery", [0.0, 0.5, 0.4, 0.2], [20, 30, 40, 10]),
        # Three are level on average: the least decides.
        ("average", [0.5, 0.5, 0.5, 0.2], [20, 30, 10, 40]),
    ],
)
def test_a_strategy_gives_the_known_scores_and_order(strategy, worth, order):
    assert group_scores(SCORES, strategy).tolist() == worth
    assert IDS[group_order(IDS, SCORES, strategy)].tolist() == order


def test_level_misery_goes_by_the_average_and_then_by_id():
    scores = np.array([[0.0, 0.0, 0.0], [0.3, 0.9, 0.3]])

    assert group_order(np.array([3, 2, 1]), scores, "least_misery").tolist() == [1, 2, 0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_does_not_depend_on_who_comes_first(strategy):
    scores = np.random.default_rng(1).random((4, 50)).round(1)
    ids = np.arange(50)

    assert group_order(ids, scores, strategy).tolist() == group_order(ids, scores[::-1], strategy).tolist()


def test_a_movie_suits_whom_it_scores_with_higher_than_half_of_the_movies():
    scores = np.array([[0.9, 0.8, 0.1, 0.0], [0.1, 0.1, 0.1, 0.2], [0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.1]])

    assert suited(scores).tolist() == [
        [True, True, False, False],
        [False, False, False, True],
        [False, False, False, False],
        [True, True, True, False],
    ]


def test_by_least_misery_popularity_counts_as_it_does_with_whom_it_suits_least():
    scores = np.array([[0.8], [0.2]])
    popular = np.array([[1.0], [0.0]])

    assert popular_share(scores, popular, "least_misery").tolist() == [0.0]
    assert popular_share(scores, popular, "average").tolist() == [0.8]


def test_where_the_least_is_nothing_all_count_by_their_scores():
    assert popular_share(np.array([[0.8], [0.0]]), np.array([[0.0], [1.0]]), "least_misery").tolist() == [0.0]


def test_what_nobody_has_a_score_for_is_there_by_being_popular():
    assert popular_share(np.zeros((2, 1)), np.zeros((2, 1)), "average").tolist() == [1.0]
