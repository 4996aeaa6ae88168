"""Blocks of people that cover everybody once, and random people up to a number of rows."""

import numpy as np
import pytest

from recommendations.algorithms.people import draw_people, people_blocks


def starts_of(counts: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])


@pytest.mark.parametrize(
    ("counts", "blocks"),
    [
        ([], []),
        ([0, 0, 0], [(0, 2), (2, 3)]),
        ([3, 3, 3, 3], [(0, 2), (2, 4)]),
        ([1, 20, 1], [(0, 2), (2, 3)]),
        ([0, 0, 0, 20, 0], [(0, 2), (2, 4), (4, 5)]),
    ],
)
def test_blocks_are_bounded_by_rows_and_by_people(counts, blocks):
    assert people_blocks(starts_of(counts), 5, people=2) == blocks


def test_blocks_cover_everybody_once_in_order():
    counts = np.random.default_rng(0).integers(0, 9, 500)

    blocks = people_blocks(starts_of(counts.tolist()), 40, people=30)

    assert [person for start, stop in blocks for person in range(start, stop)] == list(range(500))
    assert max(stop - start for start, stop in blocks) <= 30
    assert max(int(counts[start:stop].sum()) for start, stop in blocks) < 40 + 9


def test_random_people_fit_the_rows_and_are_the_same_again():
    counts = np.random.default_rng(0).integers(0, 9, 500)

    drawn = draw_people(counts, 700, seed=3)

    assert 690 < counts[drawn].sum() <= 700
    assert (drawn == draw_people(counts, 700, seed=3)).all()
    assert (drawn != draw_people(counts, 700, seed=4)).any()
    assert draw_people(counts, int(counts.sum()), seed=3).all()


@pytest.mark.parametrize("seed", range(5))
def test_one_person_with_rows_is_drawn_however_few_are_allowed(seed):
    counts = np.array([0, 7, 0, 9, 0])

    drawn = draw_people(counts, 3, seed)

    assert drawn.sum() == 1
    assert counts[drawn].sum() > 0
