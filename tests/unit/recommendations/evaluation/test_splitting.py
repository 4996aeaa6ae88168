import numpy as np
import pytest

from recommendations.algorithms.base import Interactions
from recommendations.evaluation.splitting import hold_out


def some(people: int = 20, seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((people, 40)) < 0.5)
    return Interactions.from_columns(
        users,
        items,
        weights=rng.choice([1.0, -1.0], len(users), p=[0.8, 0.2]).astype(np.float32),
        timestamps=rng.permutation(len(users)),
    )


@pytest.mark.parametrize("by", ["random", "time"])
def test_a_share_of_each_persons_likes_and_no_dislike_is_held_out(by):
    data = some()
    held = hold_out(data, share=0.25, by=by)

    assert (data.weights[held] > 0).all()
    for user in range(20):
        own = data.users == user
        likes = (own & (data.weights > 0)).sum()
        assert held[own].sum() == int(likes * 0.25)


def test_by_time_the_newest_are_held_out():
    data = some()
    held = hold_out(data, by="time")

    for user in range(20):
        own = (data.users == user) & (data.weights > 0)
        assert data.timestamps[own & held].min() > data.timestamps[own & ~held].max()


def test_the_seed_decides_and_nothing_else():
    data = some()

    assert np.array_equal(hold_out(data, seed=1), hold_out(data, seed=1))
    assert not np.array_equal(hold_out(data, seed=1), hold_out(data, seed=2))


def test_people_with_few_likes_are_left_whole_and_the_sample_is_bounded():
    data = some()
    few = Interactions.from_columns(np.array([1, 1, 2]), np.array([1, 2, 3]))

    assert not hold_out(few).any()
    assert len(np.unique(data.users[hold_out(data, people=6)])) == 6


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1}, {"minimum": 1}])
def test_splits_that_leave_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        hold_out(some(), **wrong)
