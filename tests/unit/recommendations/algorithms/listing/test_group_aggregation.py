"""Aggregation of several people's scores, on numbers small enough to check by hand."""

import numpy as np
import pytest

from recommendations.algorithms.listing.group_aggregation import (
    STRATEGIES,
    group_order,
    group_scores,
    is_suited,
    popular_share,
)

IDS = np.array([10, 20, 30, 40])
SCORES = np.array([[1.0, 0.5, 0.6, 0.2], [0.0, 0.5, 0.4, 0.2]])


@pytest.mark.parametrize(
    ("strategy", "expected", "order"),
    [
        ("least_misery", [0.0, 0.5, 0.4, 0.2], [20, 30, 40, 10]),
        # Three tie on average: the lowest score decides.
        ("average", [0.5, 0.5, 0.5, 0.2], [20, 30, 10, 40]),
    ],
)
def test_a_strategy_gives_the_known_scores_and_order(strategy, expected, order):
    assert group_scores(SCORES, strategy).tolist() == expected
    assert IDS[group_order(IDS, SCORES, strategy)].tolist() == order


def test_ties_of_least_misery_go_by_average_then_by_id():
    scores = np.array([[0.0, 0.0, 0.0], [0.3, 0.9, 0.3]])

    assert group_order(np.array([3, 2, 1]), scores, "least_misery").tolist() == [1, 2, 0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_of_members_does_not_matter(strategy):
    scores = np.random.default_rng(1).random((4, 50)).round(1)
    ids = np.arange(50)

    assert group_order(ids, scores, strategy).tolist() == group_order(ids, scores[::-1], strategy).tolist()


def test_a_movie_suits_people_who_score_it_above_their_median():
    scores = np.array([[0.9, 0.8, 0.1, 0.0], [0.1, 0.1, 0.1, 0.2], [0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.1]])

    assert is_suited(scores).tolist() == [
        [True, True, False, False],
        [False, False, False, True],
        [False, False, False, False],
        [True, True, True, False],
    ]


def test_with_least_misery_the_lowest_scorers_share_counts():
    scores = np.array([[0.8], [0.2]])
    popular = np.array([[1.0], [0.0]])

    assert popular_share(scores, popular, "least_misery").tolist() == [0.0]
    assert popular_share(scores, popular, "average").tolist() == [0.8]


def test_with_a_lowest_score_of_0_all_popular_shares_count():
    assert popular_share(np.array([[0.8], [0.0]]), np.array([[0.0], [1.0]]), "least_misery").tolist() == [0.0]


def test_a_movie_nobody_scores_counts_as_popular():
    assert popular_share(np.zeros((2, 1)), np.zeros((2, 1)), "average").tolist() == [1.0]
