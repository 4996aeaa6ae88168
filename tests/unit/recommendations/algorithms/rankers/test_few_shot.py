"""The speed layer's item-item model: first likes predict the rest, weak signals do not count, and its factors."""

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers import first_likes
from recommendations.algorithms.rankers.few_shot import FewShotConfig, FewShotItemModel


def _two_tastes(people=60, weights=None):
    """Even people like items 0 to 7 in that order, odd ones 8 to 15."""
    users = np.repeat(np.arange(people), 8)
    items = np.tile(np.arange(8), people) + 8 * (users % 2)
    return Interactions.from_columns(users, items, timestamps=np.tile(np.arange(8), people), weights=weights)


def test_the_first_like_of_a_taste_leads_to_that_taste():
    model = FewShotItemModel().fit(_two_tastes())
    scores = model.weights[0]
    assert scores[1:8].min() > scores[8:].max()
    assert (model.weights.diagonal() == 0).all()


def test_first_likes_count_and_not_only_co_occurrence():
    # The same pairs in the opposite order: nobody begins with the last item, so that little is learned of it.
    data = _two_tastes()
    alone = FewShotConfig(whole_histories=0.0, first=(1, 2))
    forward = FewShotItemModel(alone).fit(data).weights
    assert np.abs(forward[0]).sum() > 0
    assert np.abs(forward[7]).sum() == 0


def test_fair_ratings_and_views_teach_nothing_beside_clear_likes():
    data = _two_tastes()
    weak = data.weights.copy()
    weak[data.items == 5] = 0.7
    model = FewShotItemModel().fit(
        Interactions.from_columns(data.users, data.items, timestamps=data.timestamps, weights=weak)
    )
    assert not model.weights[5].any()
    assert not model.weights[:, 5].any()


def test_data_without_any_clear_like_does_with_what_it_has():
    model = FewShotItemModel().fit(_two_tastes(weights=np.full(480, 0.7, np.float32)))
    assert model.weights[0, 1:8].min() > model.weights[0, 8:].max()


def test_with_few_likes_only_the_whole_history_model_is_left():
    data = Interactions.from_columns(np.array([1, 1, 2, 2]), np.array([5, 6, 5, 6]))
    model = FewShotItemModel().fit(data)
    assert model.weights[0, 1] > 0


def test_the_same_data_gives_the_same_model_without_timestamps():
    data = _two_tastes()
    timeless = Interactions.from_columns(data.users, data.items)
    assert (FewShotItemModel().fit(timeless).weights == FewShotItemModel().fit(timeless).weights).all()


def test_only_the_kept_items_have_a_row():
    assert FewShotItemModel().fit(_two_tastes(), np.array([0, 1, 2, 3, 8, 9, 10, 11])).weights.shape == (8, 8)


def test_factors_have_the_given_width_and_zeros_past_the_rank():
    A, V = FewShotItemModel(FewShotConfig(rank=3)).fit(_two_tastes()).factorise(6)
    assert A.shape == V.shape == (16, 6)
    assert not A[:, 3:].any()
    scores = (A @ V.T)[0]
    assert scores[1:8].min() > scores[8:].max()


def test_directions_are_ordered_by_strength():
    A, V = FewShotItemModel(FewShotConfig(rank=6)).fit(_two_tastes()).factorise(6)
    strength = np.linalg.norm(A, axis=0) * np.linalg.norm(V, axis=0)

    assert (np.diff(strength) <= 1e-5).all()
    assert strength[0] > strength[-1]


def _with_rare_items():
    """Items 6, 7, 14 and 15 have fewer likes than the others of their taste."""
    data = _two_tastes()
    return data.take((data.items % 8 < 6) | (data.users % 3 > 0))


def test_items_outside_the_head_follow_the_taste_of_their_likes():
    model = FewShotItemModel(FewShotConfig(max_items=12, rank=6)).fit(_with_rare_items())
    A, V = model.factorise(6)

    assert model.head.tolist() == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]
    assert model.weights.shape == (12, 12)
    scores = A[[0, 8]] @ V.T
    assert scores[0, [6, 7]].min() > 0.02 > scores[0, [14, 15]].max()
    assert scores[1, [14, 15]].min() > 0.02 > scores[1, [6, 7]].max()
    assert not A[[6, 7, 14, 15]].any()


def test_unliked_items_outside_the_head_have_no_factors():
    data = _with_rare_items()
    weights = np.where(data.items == 7, 0.7, 1).astype(np.float32)
    data = Interactions.from_columns(data.users, data.items, timestamps=data.timestamps, weights=weights)
    _, V = FewShotItemModel(FewShotConfig(max_items=12, rank=6)).fit(data).factorise(6)

    assert not V[7].any()
    assert V[6].any()


def test_the_head_is_what_it_is_without_a_tail():
    data = _with_rare_items()
    head = FewShotItemModel(FewShotConfig(max_items=12, rank=6)).fit(data)
    # Nobody's first likes are the rare items, which are the last.
    alone = FewShotConfig(rank=6, first=(1, 2, 3), left=3)
    cut = FewShotItemModel(alone).fit(data.take(data.items % 8 < 6), head.head)

    assert np.corrcoef(head.weights.ravel(), cut.weights.ravel())[0, 1] > 0.95


def test_blocks_of_people_add_up_to_the_same_model(monkeypatch):
    config = FewShotConfig(max_items=12, rank=6)
    whole = FewShotItemModel(config).fit(_with_rare_items())
    monkeypatch.setattr(first_likes, "BLOCK_LIKES", 50)
    blocks = FewShotItemModel(config).fit(_with_rare_items())

    assert blocks.weights == pytest.approx(whole.weights, abs=1e-6)
    assert blocks.factorise(6)[1][[6, 15]] == pytest.approx(whole.factorise(6)[1][[6, 15]], abs=1e-4)


def test_a_head_of_one_item_leaves_the_tail_to_content():
    A, V = FewShotItemModel(FewShotConfig(max_items=1, rank=6)).fit(_with_rare_items()).factorise(6)

    assert not A.any()
    assert not V.any()


@pytest.mark.parametrize("wrong", [{"max_items": 0}, {"tail_regularization": 0.0}])
def test_a_head_or_ridge_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FewShotConfig(**wrong)
