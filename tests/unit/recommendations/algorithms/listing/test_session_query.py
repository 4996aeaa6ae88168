"""The speed layer's query vector, on vectors of two dimensions."""

import numpy as np
import pytest

from recommendations.algorithms.listing.session_query import (
    LEARNED_DIRECTIONS,
    RealtimeConfig,
    build_user_profile,
    query_vector,
    recency_by_sign,
    recency_weights,
    signal_weights,
    truncate_directions,
)

EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_signals_weigh_by_kind_and_rating():
    kinds = ["like", "watch", "view", "hide", "dislike", "rating", "rating", "rating"]
    weights = signal_weights(kinds, [None] * 5 + [5.0, 3.0, 1.0])

    assert weights.tolist() == pytest.approx([1.0, 0.7, 0.2, -0.5, -1.0, 1.0, 0.2, -1.0])


def test_a_higher_rating_never_weighs_less():
    values = [step / 2 for step in range(1, 11)]
    weights = signal_weights(["rating"] * 10, values)

    assert (np.diff(weights) >= 0).all()


def test_newer_signals_weigh_more():
    assert recency_weights(3, half_life=1.0).tolist() == [1.0, 0.5, 0.25]


def test_a_dislike_takes_no_place_in_the_recency_of_likes():
    weights = np.array([1.0, -1.0, 0.2, -0.5], np.float32)

    assert recency_by_sign(weights, half_life=1.0).tolist() == [1.0, 1.0, 0.5, 0.5]


def test_the_query_is_a_weighted_mean_of_positive_signals():
    both = np.stack([EAST, NORTH])

    assert query_vector(both, np.array([3.0, 1.0], np.float32)).tolist() == [0.75, 0.25]
    assert query_vector(both, np.array([1.0, -1.0], np.float32)).tolist() == [1.0, 0.0]
    assert query_vector(both, np.zeros(2, np.float32)).tolist() == [0.0, 0.0]


def test_few_signals_use_only_the_strongest_directions():
    query, config = np.arange(1, LEARNED_DIRECTIONS + 3, dtype=np.float32), RealtimeConfig(12, 5.0, 1, 2)
    one, two, many = (truncate_directions(query, signals, config) for signals in (1, 2, 50))

    assert one[:3].tolist() == [1, 2, 3]
    assert two[:5].tolist() == [1, 2, 3, 4, 5]
    for truncated, directions in ((one, 3), (two, 5)):
        assert not truncated[directions:LEARNED_DIRECTIONS].any()
        # Dimensions after the learned ones belong to another model.
        assert truncated[LEARNED_DIRECTIONS:].tolist() == query[LEARNED_DIRECTIONS:].tolist()
    assert many.tolist() == query.tolist()
    assert query[3] == 4


def test_a_profile_keeps_usable_signals_and_counts_newer_ones():
    profile = build_user_profile(
        ["rating", "like", "dislike"],
        [5.0, None, None],
        np.stack([0 * EAST, EAST, NORTH]),
        np.stack([0 * EAST, NORTH, EAST]),
        usable=np.array([False, True, True]),
        newer=np.array([True, True, True]),
        config=RealtimeConfig(recency_half_life=1.0),
    )

    assert profile is not None
    assert profile.signal_positions.tolist() == [1, 2]
    # Recency also counts the unusable signal before them.
    assert profile.weights.tolist() == [0.5, -1.0]
    assert profile.query.tolist() == [1.0, 0.0]
    assert profile.item_factors.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert (len(profile.weights), profile.positive, profile.newer) == (2, 1, 1)


def test_signals_on_movies_without_factors_make_no_profile():
    nothing = np.zeros(1, np.bool_)

    assert (
        build_user_profile(
            ["like"], [None], EAST[None], EAST[None], usable=nothing, newer=nothing, config=RealtimeConfig()
        )
        is None
    )


@pytest.mark.parametrize(
    "bad",
    [{"signals": 0}, {"recency_half_life": 0}, {"directions": 0}, {"directions_per_signal": -1}, {"fair_rating": 0}],
)
def test_invalid_hyperparameters_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        RealtimeConfig(**bad)
