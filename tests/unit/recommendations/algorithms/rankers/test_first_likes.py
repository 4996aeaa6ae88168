"""Likes in the order of time, in blocks of people, and what the first of them weigh."""

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers import first_likes
from recommendations.algorithms.rankers.first_likes import FirstLikeWeights, LikesInOrder

FIRST, LEFT, EXPONENT = (1, 3, 4), 2, 0.3


def _data(seed: int = 0) -> Interactions:
    """About 30 people with 1 to 12 likes among 12 items, at times of which some are equal."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((30, 12)) < rng.random((30, 1)))
    return Interactions.from_columns(users, items, timestamps=rng.integers(0, 6, len(users)))


def _rows(likes: LikesInOrder) -> list[list[int]]:
    """Each person's columns in the order of time."""
    return [part.tolist() for block in likes.blocks() for part in np.split(block.columns, np.cumsum(block.counts)[:-1])]


def test_likes_come_in_the_order_of_time_with_their_places():
    data = Interactions.from_columns(
        np.array([1, 1, 1, 2]), np.array([5, 6, 7, 6]), timestamps=np.array([30, 10, 20, 5])
    )

    (block,) = LikesInOrder(data, np.arange(3), 0).blocks()

    assert block.columns.tolist() == [1, 2, 0, 1]
    assert block.places.tolist() == [0, 1, 2, 0]
    assert block.counts.tolist() == [3, 1]


def test_likes_of_other_items_do_not_count():
    data = _data()
    likes = LikesInOrder(data, np.array([2, 5, 7]), 0)

    kept = data.take(np.isin(data.items, [2, 5, 7]))
    assert likes.counts.tolist() == np.bincount(kept.users, minlength=len(data.user_ids)).tolist()
    assert likes.item_counts.tolist() == np.bincount(kept.items, minlength=12)[[2, 5, 7]].tolist()
    assert max(max(row, default=0) for row in _rows(likes)) < 3


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    whole = _rows(LikesInOrder(_data(), np.arange(12), 3))
    monkeypatch.setattr(first_likes, "BLOCK_LIKES", 7)
    likes = LikesInOrder(_data(), np.arange(12), 3)

    assert len(list(likes.blocks())) > 5
    assert _rows(likes) == whole


def test_rows_in_any_order_give_the_same_likes():
    rng = np.random.default_rng(0)
    data = Interactions.from_columns(np.repeat(np.arange(9), 5), np.tile(np.arange(5), 9), timestamps=np.arange(45))
    mixed = data.take(rng.permutation(45))

    assert _rows(LikesInOrder(mixed, np.arange(5), 0)) == _rows(LikesInOrder(data, np.arange(5), 0))


def test_weights_are_those_of_each_k_added_up():
    likes = LikesInOrder(_data(), np.arange(12), 0)
    weights = FirstLikeWeights(FIRST, LEFT, EXPONENT, likes.counts)
    size = len(likes.counts)
    people, gram, inputs = np.zeros(size), np.zeros((12, 12)), np.zeros((size, 12))
    for k in FIRST:
        enough = likes.counts >= k + LEFT
        weight = np.where(enough, np.maximum(likes.counts, 1) ** -EXPONENT, 0)
        weight /= weight[enough].mean()
        X = np.zeros((size, 12))
        for person, row in enumerate(_rows(likes)):
            X[person, row[:k]] = k**-0.5
        people += weight
        inputs += weight[:, None] * X
        gram += (weight[:, None] * X).T @ X

    (block,) = likes.blocks()
    columns = np.arange(12, dtype=np.int32)
    roots = [block.matrix(columns, 12, weights.roots(block, number)) for number in range(3)]

    assert weights.people(block) == pytest.approx(people)
    assert block.matrix(columns, 12, weights.inputs(block)).toarray() == pytest.approx(inputs, rel=1e-5)
    assert sum((root.T @ root).toarray() for root in roots) == pytest.approx(gram, rel=1e-4)


def test_a_k_for_which_nobody_has_enough_likes_is_left_out():
    weights = FirstLikeWeights((1, 50), 2, EXPONENT, np.array([0, 5, 9]))

    assert weights.first.tolist() == [1]
    assert FirstLikeWeights((50,), 2, EXPONENT, np.array([5])).first.tolist() == []
