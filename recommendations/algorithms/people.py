"""Blocks of people, and random people, from how much each of them has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# People of a block, however little each of them has: models hold a vector for each person of a block.
BLOCK_PEOPLE = 65_536


def people_blocks(starts: NDArray[np.integer], rows: int, people: int = BLOCK_PEOPLE) -> list[tuple[int, int]]:
    """Ranges of people with about ``rows`` rows each, and at most ``people`` people: (the first, the one after them).

    starts: ascending, (U + 1,), where each person's rows begin.
    """
    everyone = len(starts) - 1
    by_rows = np.searchsorted(starts, np.arange(rows, int(starts[-1]), rows))
    edges = np.unique(np.concatenate([[0], by_rows, np.arange(people, everyone, people), [everyone]]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def draw_people(counts: NDArray[np.integer], most: int, seed: int | Sequence[int]) -> NDArray[np.bool_]:
    """Random people with at most ``most`` rows together, a mask (U,); everybody if all have no more.

    Only people with rows are drawn, and one in any case. counts: rows of each person, (U,).
    """
    if counts.sum() <= most:
        return np.ones(len(counts), np.bool_)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[counts[order] > 0]
    number = np.searchsorted(np.cumsum(counts[order]), most, side="right")
    drawn = np.zeros(len(counts), np.bool_)
    drawn[order[: max(int(number), 1)]] = True
    return drawn


def draw_number(everyone: int, number: int, random_state: int) -> NDArray[np.int64]:
    """Ascending positions of ``number`` random people of ``everyone``; of all, if they are no more."""
    if everyone <= number:
        return np.arange(everyone)
    return np.sort(np.random.default_rng(random_state).choice(everyone, number, replace=False))
