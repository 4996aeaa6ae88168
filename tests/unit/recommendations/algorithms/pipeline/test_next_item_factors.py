"""The next-item factors of a training: which feedback teaches, and which movies get what."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline import next_item_factors as module
from recommendations.algorithms.pipeline.next_item_factors import next_item_factors
from recommendations.algorithms.rankers.next_item import NextItemConfig

CONFIG = NextItemConfig(dimensions=4, hidden_units=4, passes=2, negatives=8, batch=64)


def _data(weights=1.0, people=10):
    users = np.repeat(np.arange(people), 4)
    items = np.tile([20, 30, 40, 50], people)
    shape = np.broadcast_to(np.float32(weights), len(users)).astype(np.float32)
    return Interactions.from_columns(users, items, weights=shape, timestamps=np.tile(np.arange(4), people))


def _fit(data, movie_ids, items=None):
    few_shot = np.ones((len(movie_ids), 3), np.float32)
    items = np.arange(len(data.item_ids)) if items is None else items
    return next_item_factors(data, items, movie_ids, few_shot, config=CONFIG, seed=0)


def test_known_movies_get_their_factors_and_others_the_average():
    movie_ids = np.array([10, 20, 30, 40, 50, 60])
    found = _fit(_data(), movie_ids, items=np.array([0, 1, 3]))
    assert found.query_factors.any(axis=1).tolist() == [False, True, True, False, True, False]
    assert found.item_factors.shape == (6, 3 + 4 + 1)
    assert not found.item_factors[[0, 3, 5], 3:].any()
    np.testing.assert_allclose(found.item_factors[[1, 2, 4], 3:].mean(axis=0), 0, atol=1e-6)
    assert found.space.few_shot_width == 3


@pytest.mark.parametrize("weights", [-1.0, 0.7])
def test_dislikes_teach_nothing_but_weak_feedback_may(weights, monkeypatch):
    fitted = []
    real = module.NextItemModel.fit
    monkeypatch.setattr(module.NextItemModel, "fit", lambda self, data: fitted.append(data) or real(self, data))
    found = _fit(_data(weights), np.array([20, 30, 40, 50]))
    if weights < 0:
        assert found is None
        assert not fitted
    else:
        assert found is not None
        assert fitted[0].liked is None


def test_clear_likes_are_the_targets_and_ties_get_a_random_order(monkeypatch):
    fitted = []
    real = module.NextItemModel.fit
    monkeypatch.setattr(module.NextItemModel, "fit", lambda self, data: fitted.append(data) or real(self, data))
    data = _data(np.tile([1.0, 0.7, -1.0, 1.0], 10))
    data.timestamps[:] = 5
    assert _fit(data, np.array([20, 30, 40, 50])) is not None
    (picks,) = fitted
    assert len(picks.items) == 30
    assert (picks.liked == (picks.items != 1)).all()
    orders = {tuple(own.tolist()) for own in picks.items.reshape(10, 3)}
    assert len(orders) > 1


def test_above_the_limit_whole_people_teach(monkeypatch):
    fitted = []
    real = module.NextItemModel.fit
    monkeypatch.setattr(module.NextItemModel, "fit", lambda model, picks: fitted.append(picks) or real(model, picks))
    data = _data(people=10)
    items, few_shot = np.arange(4), np.ones((4, 3), np.float32)
    config = replace(CONFIG, max_picks=21)

    found = next_item_factors(data, items, data.item_ids, few_shot, config=config, seed=0)

    assert np.diff(fitted[0].begins).tolist() == [4] * 5
    assert found.query_factors.any(axis=1).all()
