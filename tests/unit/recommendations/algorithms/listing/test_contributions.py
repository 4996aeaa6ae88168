"""Which signal is named as the reason of each item."""

import numpy as np
import pytest

from recommendations.algorithms.listing.contributions import ContributionConfig, contribution_shares, name_signals
from recommendations.algorithms.listing.session_query import UserProfile

EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
NOTHING = np.zeros(2, np.float32)


def make_profile(factors, weights, query=(1, 1)) -> UserProfile:
    factors, weights = np.asarray(factors, np.float32), np.asarray(weights, np.float32)
    positive = int((weights > 0).sum())
    return UserProfile(np.arange(len(weights)), weights, factors, factors, np.array(query, np.float32), positive, 0)


def named_by(shares, weights=None, nameable=None, config=None) -> list[int]:
    shares = np.asarray(shares, np.float32).T
    weights = np.ones(len(shares), np.float32) if weights is None else np.asarray(weights, np.float32)
    able = np.ones(len(shares), np.bool_) if nameable is None else np.asarray(nameable)
    return name_signals(shares, weights, able, config).tolist()


def test_each_signal_has_its_share_of_what_lifts_an_item():
    profile = make_profile([EAST, NORTH, -EAST], [1.0, 0.5, 1.0])

    shares = contribution_shares(profile, np.stack([EAST, EAST + 2 * NORTH, NORTH, -NORTH]), NOTHING)

    assert shares.T.tolist() == [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]]


def test_what_a_signal_gives_to_every_candidate_is_no_share():
    profile = make_profile([3 * EAST, NORTH], [1.0, 1.0])

    shares = contribution_shares(profile, np.stack([EAST + NORTH]), average=EAST)

    assert shares.T.tolist() == [[0, 1]]


def test_directions_outside_the_query_do_not_count():
    shares = contribution_shares(make_profile([EAST, NORTH], [1, 1], query=(0, 1)), np.stack([EAST + NORTH]), NOTHING)

    assert shares.T.tolist() == [[0, 1]]


def test_a_dislike_has_no_share():
    profile = make_profile([EAST, -NORTH], [1.0, -1.0])

    assert contribution_shares(profile, np.stack([EAST + NORTH]), NOTHING).T.tolist() == [[1, 0]]


def test_the_strongest_signal_is_named_and_a_weak_one_is_not():
    assert named_by([[0.7, 0.3, 0], [0.1, 0.2, 0.7], [0, 0, 0]]) == [0, 2, -1]
    assert named_by([[0.1] * 10]) == [-1]


def test_a_share_that_the_weight_alone_explains_is_not_named():
    assert named_by([[0.6, 0.4]], weights=[0.8, 0.2]) == [1]


def test_signals_that_are_not_nameable_are_passed_over():
    assert named_by([[0.6, 0.4], [1.0, 0.0]], weights=[0.5, 0.3], nameable=[False, True]) == [1, -1]


def test_a_signal_named_often_gives_way_and_comes_back_later():
    config = ContributionConfig(window=5, most_named=2)

    assert named_by([[0.6, 0.4]] * 7, weights=[0.6, 0.4], config=config) == [0, 0, 1, 1, -1, 0, 0]


def test_the_only_signal_is_named_throughout():
    assert named_by([[1.0]] * 12) == [0] * 12


def test_no_items_have_no_names():
    assert contribution_shares(make_profile([EAST], [1.0]), np.zeros((0, 2), np.float32), NOTHING).shape == (1, 0)
    assert named_by(np.zeros((0, 1))) == []


@pytest.mark.parametrize("bad", [{"notable_share": 0}, {"notable_share": 1.1}, {"window": 0}, {"most_named": 0}])
def test_invalid_hyperparameters_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        ContributionConfig(**bad)


def test_the_same_signals_are_named_as_item_by_item():
    """Random shares with ties, against the definition: the largest share of the item first, of equal ones the first."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        shares = rng.choice([0.0, 0.2, 0.25, 0.5, 0.9], size=(6, 40)).astype(np.float32)
        weights, nameable = rng.random(6).astype(np.float32), rng.random(6) > 0.3
        expected = weights / weights.sum()
        named: list[int] = []
        for item in range(shares.shape[1]):
            signals = [
                row for row in range(6) if nameable[row] and shares[row, item] >= max(0.2, 0.999 * expected[row])
            ]
            signals.sort(key=lambda row: -shares[row, item])
            fit = [row for row in signals if nameable.sum() == 1 or named[-9:].count(row) < 3]
            named.append(fit[0] if fit else -1)
        assert name_signals(shares, weights, nameable).tolist() == named
