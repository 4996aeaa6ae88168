"""Penalties of dislikes: near movies only, never more for several, never a gain."""

import numpy as np
import pytest

from recommendations.algorithms.listing.blending import RankedList
from recommendations.algorithms.listing.dislikes import DislikeConfig, dislike_penalties, subtract_penalties
from recommendations.algorithms.listing.session_query import (
    FEW_SHOT_DIMENSIONS,
    LEARNED_DIRECTIONS,
    UserProfile,
)

EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
HALFWAY = EAST + NORTH
CONFIG = DislikeConfig(strength=1.0, threshold=0.5)


def profile_of(weights, items, queries=None) -> UserProfile:
    items, weights = np.asarray(items, np.float32), np.asarray(weights, np.float32)
    queries = items if queries is None else np.asarray(queries, np.float32)
    positive = int((weights > 0).sum())
    return UserProfile(np.arange(len(weights)), weights, queries, items, queries[0] * 0, positive, 0)


def test_only_movies_near_a_disliked_one_are_penalised():
    penalties = dislike_penalties(profile_of([-1.0], [EAST]), np.stack([EAST, HALFWAY, NORTH, -EAST]), CONFIG)

    assert penalties.tolist() == pytest.approx([1.0, (np.sqrt(0.5) - 0.5) / 0.5, 0.0, 0.0])


def test_length_of_factors_does_not_matter():
    near, far = dislike_penalties(profile_of([-1.0], [3 * EAST]), np.stack([0.1 * HALFWAY, 9 * HALFWAY]), CONFIG)

    assert near == pytest.approx(far)


def test_a_hide_and_an_old_dislike_cost_less():
    assert dislike_penalties(profile_of([-0.5], [EAST]), EAST[None], CONFIG).tolist() == [0.5]


def test_what_a_movie_has_in_common_with_a_liked_one_is_deducted():
    profile = profile_of([-1.0, 0.6], [EAST, HALFWAY])

    equal, nearer = dislike_penalties(profile, np.stack([HALFWAY, EAST]), CONFIG)

    assert equal == 0.0
    assert 0 < nearer < 1


def test_of_several_dislikes_the_one_that_costs_most_counts():
    profile = profile_of([-1.0, -0.5, 1.0], [EAST, EAST, NORTH])

    assert dislike_penalties(profile, np.stack([EAST, NORTH]), CONFIG).tolist() == [1.0, 0.0]


def test_unrated_movies_are_compared_by_predicted_dimensions():
    query = np.zeros(LEARNED_DIRECTIONS + 2, np.float32)
    item, unrated, other = query.copy(), query.copy(), query.copy()
    item[0], query[-2:], unrated[-2:], other[-2:] = 1, (0, 2), (0, 5), (5, 0)

    penalties = dislike_penalties(profile_of([-1.0], [item], [query]), np.stack([unrated, other, item]), CONFIG)

    assert penalties.tolist() == [1.0, 0.0, 1.0]


def test_the_next_item_part_of_joined_factors_changes_no_penalty():
    rng = np.random.default_rng(0)
    few_shot = rng.normal(size=(30, FEW_SHOT_DIMENSIONS)).astype(np.float32)
    joined = np.concatenate([few_shot, 9 * rng.normal(size=(30, 5)).astype(np.float32)], axis=1)
    config = DislikeConfig(threshold=0.0)

    alone = dislike_penalties(profile_of([-1.0, 0.5], few_shot[:2]), few_shot, config)

    assert alone.any()
    assert dislike_penalties(profile_of([-1.0, 0.5], joined[:2]), joined, config) == pytest.approx(alone)


def test_without_dislikes_factors_or_movies_nothing_is_penalised():
    assert not dislike_penalties(profile_of([1.0], [EAST]), EAST[None], CONFIG).any()
    assert not dislike_penalties(profile_of([-1.0], [0 * EAST]), EAST[None], CONFIG).any()
    assert not dislike_penalties(profile_of([-1.0], [EAST]), 0 * EAST[None], CONFIG).any()
    assert dislike_penalties(profile_of([-1.0], [EAST]), np.zeros((0, 2), np.float32), CONFIG).shape == (0,)


def ranked_list(scores) -> RankedList:
    return RankedList(np.arange(len(scores)), np.array(scores), np.eye(len(scores), 3))


def test_a_penalty_moves_its_movie_and_keeps_other_scores():
    after = subtract_penalties(ranked_list([0.9, 0.8, 0.1]), np.array([0.5, 0.0, 0.0]))

    assert after.item_ids.tolist() == [1, 0, 2]
    assert after.scores.tolist() == [0.8, 0.4, 0.1]
    assert after.shares.tolist() == np.eye(3)[[1, 0, 2]].tolist()


def test_a_disliked_movie_stays_below_a_neutral_one():
    after = subtract_penalties(ranked_list([1.0, 0.0, 0.0]), np.array([0.0, 0.5, 0.0]))

    assert after.item_ids.tolist() == [0, 2, 1]
    assert after.scores.tolist() == pytest.approx([1.0, 1 / 3, 0.0], abs=1e-6)


@pytest.mark.parametrize("bad", [{"strength": -1}, {"threshold": 1}, {"threshold": -0.1}])
def test_invalid_hyperparameters_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        DislikeConfig(**bad)
