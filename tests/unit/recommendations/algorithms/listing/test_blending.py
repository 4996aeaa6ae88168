"""Blending of sources, on numbers small enough to check by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.algorithms.listing.blending import (
    SOURCES,
    BlendConfig,
    RankedList,
    blend,
    fill,
    normalise,
    shift_to_list_floor,
    shift_to_nearest_floor,
)

NAN = np.nan


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([4.0, 2.0, 0.0], [1.0, 0.5, 0.0]),
        ([4.0, NAN, 1.0], [1.0, 0.0, 0.25]),
        ([3.0, -1.0, 0.0], [1.0, 0.0, 0.25]),
        ([-1.0, -3.0], [1.0, 0.0]),
        ([-2.0], [0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([NAN], [0.0]),
        ([], []),
    ],
)
def test_normalise_scales_to_the_unit_interval(raw, expected):
    assert normalise(np.array(raw)) == pytest.approx(expected)


def test_seventy_to_thirty_blend():
    ids = np.array([10, 20, 30])
    sources = {"batch": np.array([2.0, 1.0, NAN]), "realtime": np.array([0.1, 0.2, 0.4])}

    ranked = blend(ids, sources, {"batch": 0.7, "realtime": 0.3, "popular": 0.0})

    # 10: 0.7 * 1 + 0.3 * 0.25; 20: 0.7 * 0.5 ** 2 + 0.3 * 0.5; 30: 0.3 * 1
    assert ranked.item_ids.tolist() == [10, 20, 30]
    assert ranked.scores.tolist() == [0.775, 0.325, 0.3]
    assert ranked.shares == pytest.approx(
        np.array([[0.7 / 0.775, 0.075 / 0.775, 0], [0.175 / 0.325, 0.15 / 0.325, 0], [0, 1, 0]])
    )


def test_ties_go_to_the_lower_id():
    for ids in ([3, 1, 2], [2, 3, 1]):
        ranked = blend(np.array(ids), {"batch": np.ones(3)}, {"batch": 1.0})
        assert ranked.item_ids.tolist() == [1, 2, 3]


def test_a_score_of_zero_is_attributed_to_a_source():
    ranked = blend(
        np.array([1, 2]),
        {"realtime": np.array([1.0, -1.0]), "popular": np.array([NAN, NAN])},
        {"realtime": 0.6, "popular": 0.4},
    )

    assert ranked.scores.tolist() == [0.6, 0.0]
    assert dict(zip(SOURCES, ranked.shares[1], strict=True)) == {"batch": 0, "realtime": 1, "popular": 0}


def test_no_candidates_blend_to_an_empty_list():
    assert len(blend(np.array([], np.int64), {}, {"popular": 1.0})) == 0


@given(
    st.lists(
        st.tuples(*[st.one_of(st.just(NAN), st.floats(-1e6, 1e6, width=32)) for _ in SOURCES]), min_size=1, max_size=30
    )
)
def test_scores_descend_in_the_unit_interval_and_shares_sum_to_1(rows):
    columns = dict(zip(SOURCES, np.array(rows).T, strict=True))

    ranked = blend(np.arange(len(rows)), columns, {"batch": 0.5, "realtime": 0.3, "popular": 0.2})

    assert sorted(ranked.item_ids) == list(range(len(rows)))
    assert (np.diff(ranked.scores) <= 0).all()
    assert ((ranked.scores >= 0) & (ranked.scores <= 1)).all()
    assert ranked.shares.sum(axis=1) == pytest.approx(1)
    assert (ranked.shares >= 0).all()


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ({"has_batch": True, "positive": 5}, (0.7, 0.3, 0.0)),
        ({"has_batch": True, "positive": 0}, (1.0, 0.0, 0.0)),
        ({"has_batch": False, "positive": 0}, (0.0, 0.0, 1.0)),
        ({"has_batch": False, "positive": 1}, (0.0, 0.5, 0.5)),
        ({"has_batch": False, "positive": 3}, (0.0, 2 / 3, 1 / 3)),
    ],
)
def test_weights_depend_on_batch_row_and_signals(person, expected):
    weights = BlendConfig(batch=0.7, realtime=0.3, popularity_prior=2.0).weights(**person)

    assert tuple(weights[source] for source in SOURCES) == pytest.approx(expected)


@pytest.mark.parametrize(("newer", "factor"), [(0, 1.0), (1, 1 / 3), (2, 0.2), (3, 0.15), (50, 0.15)])
def test_the_batch_weight_falls_with_newer_signals(newer, factor):
    config = BlendConfig(batch=0.7, realtime=0.3, newer_decay=2.0, batch_floor=0.15)

    weights = config.weights(has_batch=True, positive=50, newer=newer)

    assert weights["batch"] == pytest.approx(0.7 * factor / (0.7 * factor + 0.3))
    assert weights["batch"] + weights["realtime"] == pytest.approx(1)
    assert weights["popular"] == 0


@pytest.mark.parametrize(
    "config", [BlendConfig(newer_decay=0.0), BlendConfig(batch_floor=1.0), BlendConfig(batch=0.7, realtime=0.0)]
)
def test_settings_can_keep_the_batch_weight_constant(config):
    before, after = (config.weights(has_batch=True, positive=9, newer=newer) for newer in (0, 9))

    assert before == after


def test_newer_signals_do_not_matter_without_a_batch_row():
    before, after = (BlendConfig().weights(has_batch=False, positive=9, newer=newer) for newer in (0, 9))

    assert before == after


def test_the_popularity_prior_falls_with_positive_signals():
    prior = [BlendConfig().weights(has_batch=False, positive=n)["popular"] for n in (1, 3, 5, 10, 20)]

    assert prior == sorted(prior, reverse=True)
    assert prior[-1] < 0.2


@pytest.mark.parametrize(
    "bad", [{"batch": -0.1}, {"batch": 0, "realtime": 0}, {"popularity_prior": -1}, {"newer_decay": -1}]
)
def test_invalid_weights_are_refused(bad):
    with pytest.raises(ValueError, match="weight"):
        BlendConfig(**bad)


@pytest.mark.parametrize("floor", [-0.1, 1.1, NAN])
def test_a_batch_floor_outside_0_to_1_is_refused(floor):
    with pytest.raises(ValueError, match="batch_floor"):
        BlendConfig(batch_floor=floor)


def test_real_time_scores_shift_to_the_last_of_the_nearest():
    scores, nearest = np.array([5.0, 3.0, 2.0, -1.0, NAN]), np.array([True, True, False, False, False])

    assert shift_to_nearest_floor(scores, nearest, full=2) == pytest.approx([2.0, 0.0, 0.0, 0.0, NAN], nan_ok=True)


def test_real_time_scores_do_not_shift_with_too_few_nearest():
    scores = np.array([5.0, 3.0, -1.0])

    assert shift_to_nearest_floor(scores, np.array([True, True, False]), full=3).tolist() == scores.tolist()
    assert shift_to_nearest_floor(scores, np.zeros(3, np.bool_), full=3).tolist() == scores.tolist()


def test_only_a_full_list_shifts_to_its_last_score():
    assert shift_to_list_floor(np.array([9.0, 7.0, 6.0]), full=3).tolist() == [3.0, 1.0, 0.0]
    assert shift_to_list_floor(np.array([9.0, 7.0]), full=3).tolist() == [9.0, 7.0]
    assert shift_to_list_floor(np.array([]), full=3).tolist() == []


def test_a_fill_keeps_its_order_below_the_list():
    ranked = RankedList(np.array([7]), np.array([0.2]), np.array([[1.0, 0.0, 0.0]]))
    empty = RankedList(np.empty(0, np.int64), np.empty(0), np.empty((0, 3)))
    ids, scores = np.array([5, 3, 9]), np.array([8.0, 4.0, 2.0])

    filled = fill(ranked, ids, scores)

    assert filled.item_ids.tolist() == [7, 5, 3, 9]
    assert filled.scores.tolist() == [0.2, 0.2, 0.1, 0.05]
    assert filled.shares.tolist() == [[1.0, 0.0, 0.0], *[[0.0, 0.0, 1.0]] * 3]
    assert fill(empty, ids, scores).scores.tolist() == [1.0, 0.5, 0.25]
    assert fill(ranked, ids[:0], scores[:0]) is ranked
