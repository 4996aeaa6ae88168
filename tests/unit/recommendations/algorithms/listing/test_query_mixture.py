"""The mixture of two queries: shares by the number of signals, equal scales, and reasons that add up."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.listing.query_mixture import MixedSpace, MixtureConfig, join_item_factors, mix_queries
from recommendations.algorithms.listing.sequence_query import SequenceTables
from recommendations.algorithms.listing.session_query import RealtimeConfig, UserProfile, build_user_profile
from recommendations.algorithms.model_files import ModelFileError, save_arrays

D, E, ITEMS, SIGNALS = 6, 4, 200, 5


def _world(seed=0, hidden=0.0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    tables = SequenceTables(
        np.array([1, 0], np.float32),
        np.array([0, 60], np.float32),
        draw(2, E),
        draw(E, 3),
        draw(3),
        draw(3, E) * hidden,
        4,
    )
    bias = draw(ITEMS)
    joined = join_item_factors(draw(ITEMS, D) * 100, draw(ITEMS, E), bias, np.ones(ITEMS, np.bool_))
    weights = np.array([1, 0.5, 0.4, 0.3, 0.2], np.float32)
    factors = draw(SIGNALS, D)
    query = weights @ factors / weights.sum()
    profile = UserProfile(np.arange(SIGNALS), weights, factors, joined[:SIGNALS], query.astype(np.float32), SIGNALS, 0)
    return MixedSpace.measure(tables, joined, D), joined, profile, draw(SIGNALS, E), np.arange(SIGNALS)[::-1] * 30


def test_each_part_scores_with_its_share_as_deviation():
    space, joined, profile, factors, times = _world()
    mixed = mix_queries(profile, factors, times, space, MixtureConfig(half_share_signals=4))
    # Four signals count in the next-item model, so that both shares are a half.
    assert (joined[:, :D] @ mixed.query[:D]).std() == pytest.approx(0.5, rel=0.02)
    assert (joined[:, D:] @ mixed.query[D:]).std() == pytest.approx(0.5, rel=0.02)


def test_the_share_grows_smoothly_with_the_signals():
    shares = [MixtureConfig().share(signals) for signals in range(51)]
    assert shares[0] == 0
    assert shares[5] == 0.5
    assert (np.diff(shares) > 0).all()
    assert MixtureConfig(half_share_signals=0).share(1) == 1
    with pytest.raises(ValueError, match="half_share_signals"):
        MixtureConfig(half_share_signals=-1)


def test_contributions_add_up_to_the_query_without_hidden_layer():
    space, _, profile, factors, times = _world()
    mixed = mix_queries(profile, factors, times, space, MixtureConfig())
    total = (mixed.weights[:, None] * mixed.query_factors).sum(axis=0)
    np.testing.assert_allclose(total[:-1], mixed.query[:-1], rtol=1e-4, atol=1e-5)
    assert total[-1] == 0


def test_unknown_and_negative_signals_leave_the_query_alone():
    space, _, profile, factors, times = _world(hidden=0.5)
    weights = profile.weights.copy()
    weights[1] = -1
    factors[2] = 0
    profile = replace(profile, weights=weights, positive=4)
    mixed = mix_queries(profile, factors, times, space, MixtureConfig(half_share_signals=0))
    kept = [0, 3, 4]
    expected = np.append(space.tables.query(factors[kept], times[kept]), np.float32(1))
    ratio = mixed.query[D:] / expected
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
    assert not mixed.query[:D].any()
    assert not mixed.query_factors[[1, 2], D:].any()


def test_without_known_signals_the_few_shot_query_is_left():
    space, _, profile, factors, times = _world()
    mixed = mix_queries(profile, np.zeros_like(factors), times, space, MixtureConfig())
    assert not mixed.query[D:].any()
    ratio = mixed.query[:D] / profile.query
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)


def test_items_unknown_to_the_next_item_model_get_its_average():
    few_shot, next_item = np.ones((3, 2), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)
    joined = join_item_factors(few_shot, next_item, np.array([1, 3, 9], np.float32), np.array([True, True, False]))
    assert joined[:, 2:].tolist() == [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]


def test_the_space_survives_arrays():
    space, *_ = _world()
    again = MixedSpace.from_arrays(space.arrays())
    assert again.few_shot_width == D
    for name, value in space.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], value)


@pytest.mark.parametrize(
    "changed",
    [
        {"signals": np.array("many")},
        {"signals": np.array(0)},
        {"places": np.zeros(0, np.float32), "seconds": np.zeros(0, np.float32)},
        {"gains": np.zeros((3, E), np.float32)},
        {"hidden_weights": np.zeros(E, np.float32)},
        {"output_weights": np.full((3, E), np.nan, np.float32)},
        {"few_shot_covariance": np.float32(1)},
        {"few_shot_covariance": np.array("none")},
        {"next_item_covariance": np.zeros((E, E), np.float32)},
    ],
)
def test_tables_that_do_not_fit_each_other_are_no_model_file(tmp_path, changed):
    space, *_ = _world()
    path = tmp_path / "next_item.npz"
    save_arrays(path, "mixed space", {**space.arrays(), **changed})

    with pytest.raises(ModelFileError, match=r"next_item\.npz"):
        MixedSpace.load(path)


def test_a_file_without_a_table_is_no_model_file(tmp_path):
    arrays = _world()[0].arrays()
    del arrays["gains"]
    save_arrays(tmp_path / "next_item.npz", "mixed space", arrays)

    with pytest.raises(ModelFileError, match="has no 'gains'"):
        MixedSpace.load(tmp_path / "next_item.npz")


def test_signals_that_hardly_weigh_anything_have_finite_contributions():
    space, _, _, _, _ = _world()
    space = replace(space, tables=replace(space.tables, signals=50))
    factors = np.random.default_rng(0).standard_normal((50, D)).astype(np.float32)
    profile = build_user_profile(
        ["like"] * 50,
        [None] * 50,
        factors,
        factors,
        usable=np.ones(50, np.bool_),
        newer=np.ones(50, np.bool_),
        config=RealtimeConfig(recency_half_life=0.34),
    )

    mixed = mix_queries(profile, factors[:, :E], np.zeros(50, np.int64), space, MixtureConfig())

    assert np.isfinite(mixed.query_factors).all()
