"""Splits: who gets how much, and nothing of the test part as old as what was trained on."""

import numpy as np
import pytest

from recommendations.algorithms.measuring.splitting import split_at, split_per_person

USERS = np.repeat([7, 9, 11], [4, 8, 1])
TIMES = np.array([40, 10, 30, 20, 8, 7, 6, 5, 4, 3, 2, 1, 5])


def test_each_person_gives_a_share_and_a_single_row_is_kept():
    held = split_per_person(USERS, share=0.25, seed=1)
    assert np.bincount(USERS[held], minlength=12)[[7, 9, 11]].tolist() == [1, 2, 0]


def test_a_random_split_depends_on_the_seed_alone():
    users = np.repeat(np.arange(30), 20)
    assert (split_per_person(users, share=0.3, seed=1) == split_per_person(users, share=0.3, seed=1)).all()
    assert (split_per_person(users, share=0.3, seed=1) != split_per_person(users, share=0.3, seed=2)).any()


def test_by_time_each_person_gives_their_newest():
    held = split_per_person(USERS, share=0.25, timestamps=TIMES)
    assert TIMES[held].tolist() == [40, 8, 7]


def test_rows_of_one_second_are_drawn_by_the_seed():
    users, times = np.zeros(40, int), np.zeros(40, int)
    assert (
        split_per_person(users, share=0.5, timestamps=times, seed=1)
        != split_per_person(users, share=0.5, timestamps=times, seed=2)
    ).any()


def test_a_split_by_time_does_not_depend_on_the_order_of_rows():
    shuffled = np.random.default_rng(0).permutation(len(USERS))
    held = split_per_person(USERS, share=0.25, timestamps=TIMES)
    again = split_per_person(USERS[shuffled], share=0.25, timestamps=TIMES[shuffled])
    assert (held[shuffled] == again).all()


def test_a_split_at_a_moment_leaves_nothing_later_in_training():
    times = np.array([5, 1, 9, 3, 7, 9, 2, 8, 4, 6])
    moment, later = split_at(times, share=0.3)
    assert times[~later].max() <= moment < times[later].min()
    assert later.sum() == 3


def test_rows_of_the_very_moment_are_training():
    moment, later = split_at(np.array([1, 2, 2, 2, 2, 3]), share=0.5)
    assert moment == 2
    assert later.sum() == 1


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_outside_0_to_1_is_an_error(share):
    with pytest.raises(ValueError, match="share must be"):
        split_per_person(USERS, share=share)
    with pytest.raises(ValueError, match="share must be"):
        split_at(TIMES, share=share)


@pytest.mark.parametrize("times", [[], [5, 5, 5]])
def test_a_moment_that_leaves_a_part_empty_is_an_error(times):
    with pytest.raises(ValueError, match=r"empty|nothing to split"):
        split_at(np.array(times, np.int64), share=0.2)
