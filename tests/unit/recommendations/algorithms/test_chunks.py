"""Statistics read in parts are those of the whole."""

import numpy as np
import pytest

from recommendations.algorithms import column_files
from recommendations.algorithms.chunks import counts_by_user, likes_by_item, rows_where
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.splitting import hold_out
from recommendations.algorithms.rankers.popularity import Popularity


@pytest.fixture
def data(monkeypatch) -> Interactions:
    """Some 400 interactions, read in parts of 7 rows; some are dislikes, some have no rating."""
    monkeypatch.setattr(column_files, "BLOCK_ROWS", 7)
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, 30, (600, 2)), axis=0)
    ratings = rng.choice(np.array([np.nan, 1, 3, 5], np.float32), len(pairs))
    weights = rng.choice(np.array([-1, 0, 1], np.float32), len(pairs))
    times = rng.integers(0, 10**8, len(pairs))
    return Interactions.from_columns(*pairs.T, weights=weights, ratings=ratings, timestamps=times)


def test_counts_are_those_of_the_whole(data):
    liked = data.weights > 0

    assert counts_by_user(data).tolist() == np.bincount(data.users).tolist()
    assert counts_by_user(data, liked=True).tolist() == np.diff(data.likes().indptr).tolist()
    assert likes_by_item(data).tolist() == np.bincount(data.items[liked], minlength=len(data.item_ids)).tolist()


def test_rows_are_found_by_their_position(data):
    assert (
        rows_where(len(data), lambda part: data.weights[part] > 0).tolist() == np.flatnonzero(data.weights > 0).tolist()
    )
    assert rows_where(0, lambda part: data.weights[part] > 0).tolist() == []


def test_popularity_and_a_hold_out_do_not_depend_on_the_parts(data, monkeypatch):
    scores, held = Popularity().fit(data).item_scores, hold_out(data, people=5)
    monkeypatch.setattr(column_files, "BLOCK_ROWS", 10**6)

    assert scores == pytest.approx(Popularity().fit(data).item_scores, rel=1e-6)
    assert (held == hold_out(data, people=5)).all()
    assert held.any()
