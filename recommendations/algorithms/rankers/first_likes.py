"""People's likes in the order of time, read in blocks of people, and what their first k likes weigh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.people import people_blocks
from recommendations.algorithms.sparse import csr_of_kept, places_of

# Likes of a block: its arrays and products take some tens of MB.
BLOCK_LIKES = 500_000


@dataclass(frozen=True, slots=True)
class Block:
    """The likes of b people, l of them, in the order of person and time.

    counts: likes of each person, int64 (b,); columns: int32 (l,), below the number of items; places: int32 (l,), of
    each like in its person's history, from 0.
    """

    counts: NDArray[np.int64]
    columns: NDArray[np.int32]
    places: NDArray[np.int32]

    def matrix(self, columns: NDArray[np.int32], width: int, values: NDArray[np.float32]) -> csr_array:
        """The likes as csr (b, width): values, float32 (l,), at ``columns`` of the items, int32.

        Likes of an item whose column is -1 are left out, and those of value 0.
        """
        own = columns[self.columns]
        starts = np.concatenate([[0], np.cumsum(self.counts)])
        return csr_of_kept((own >= 0) & (values != 0), values, own, starts, width)


class LikesInOrder:
    """Likes by person and time. Memory: 8 bytes a person, and a block's; a copy of data that is not sorted by person.

    counts: likes of each person, int64 (U,); item_counts: likes of each item, int64 (I,); width: I.
    """

    def __init__(self, likes: Interactions, items: NDArray[np.int64], random_state: int) -> None:
        """likes: every entry is one; items: ascending positions, I of them; likes of other items do not count.

        Likes of the same second, and those of unknown time, get a random order.
        """
        self.width = len(items)
        self._column = places_of(items, len(likes.item_ids))
        self._random_state = random_state
        self._draw: NDArray[np.float64] | None = None
        if not _is_sorted(likes.users):
            order = np.argsort(likes.users, kind="stable")
            draw = np.zeros(len(likes))
            inside = self._column[likes.items] >= 0
            draw[inside] = np.random.default_rng(random_state).random(int(inside.sum()))
            likes, self._draw = likes.take(order), draw[order]
        self._likes = likes
        self._starts = np.searchsorted(likes.users, np.arange(len(likes.user_ids) + 1, dtype=likes.users.dtype))
        self.counts = np.zeros(len(likes.user_ids), np.int64)
        self.item_counts = np.zeros(len(items), np.int64)
        for first, last in self._ranges():
            columns = self._columns_of(first, last)
            inside = np.concatenate([[0], np.cumsum(columns >= 0)])
            ends = self._starts[first : last + 1] - self._starts[first]
            self.counts[first:last] = np.diff(inside[ends])
            self.item_counts += np.bincount(columns[columns >= 0], minlength=len(items))

    def blocks(self) -> Iterator[Block]:
        """The likes of all people, in order; the same on every call."""
        rng = np.random.default_rng(self._random_state)
        for first, last in self._ranges():
            start = int(self._starts[first])
            columns = self._columns_of(first, last)
            inside = np.flatnonzero(columns >= 0)
            draw = rng.random(len(inside)) if self._draw is None else self._draw[start + inside]
            counts = self.counts[first:last]
            users = np.repeat(np.arange(last - first, dtype=np.int32), counts)
            order = np.lexsort((draw, self._likes.timestamps[start : self._starts[last]][inside], users))
            places = np.arange(len(inside)) - np.repeat(np.cumsum(counts) - counts, counts)
            yield Block(counts, columns[inside[order]], places.astype(np.int32))

    def _columns_of(self, first: int, last: int) -> NDArray[np.int32]:
        """The column of each like of the people from ``first`` to before ``last``; -1 outside the items."""
        return self._column[self._likes.items[self._starts[first] : self._starts[last]]]

    def _ranges(self) -> list[tuple[int, int]]:
        """Ranges of people with about BLOCK_LIKES likes each, see ``people_blocks``."""
        return people_blocks(self._starts, BLOCK_LIKES)


def _is_sorted(values: NDArray[np.int32]) -> bool:
    """Whether the values ascend; read in parts, because they may be mapped from a file."""
    starts = range(0, len(values), BLOCK_LIKES)
    return all((np.diff(values[start : start + BLOCK_LIKES + 1]) >= 0).all() for start in starts)


class FirstLikeWeights:
    """What people weigh in the regressions from their first k likes, for several k.

    For each k, a person with k + ``left`` likes or more weighs (likes) to minus the exponent, relative to the mean of
    such people. An input of k likes is scaled by k^-1/2.
    """

    def __init__(self, first: Sequence[int], left: int, exponent: float, counts: NDArray[np.int64]) -> None:
        """counts: likes of everybody, int64 (U,)."""
        self._least = np.sort(np.array(first)) + left
        self._exponent = exponent
        by_count = np.bincount(counts)
        weights = by_count * np.maximum(np.arange(len(by_count)), 1.0) ** -exponent
        enough = np.arange(len(by_count)) >= self._least[:, None]
        people = np.where(enough, by_count, 0).sum(axis=1)
        # Nobody has enough likes for the last of them.
        self.first: NDArray[np.int64] = np.sort(np.array(first))[people > 0]
        self._least = self._least[people > 0]
        scale = people[people > 0] / np.where(enough, weights, 0.0).sum(axis=1)[people > 0]
        self._totals = np.concatenate([[0.0], np.cumsum(scale)])
        self._inputs = np.concatenate([[0.0], np.cumsum(scale * self.first**-0.5)])
        self._scale = scale

    def people(self, block: Block) -> NDArray[np.float64]:
        """The sum over k of each person's weight, float64 (b,)."""
        return self._power(block) * self._totals[np.searchsorted(self._least, block.counts, side="right")]

    def inputs(self, block: Block) -> NDArray[np.float32]:
        """The sum over k of each like's weighted input, float32 (l,): 0 for likes that are never among the first."""
        enough = np.repeat(np.searchsorted(self._least, block.counts, side="right"), block.counts)
        from_k = np.searchsorted(self.first, block.places, side="right")
        sums = self._inputs[enough] - self._inputs[np.minimum(from_k, enough)]
        return (np.repeat(self._power(block), block.counts) * sums).astype(np.float32)

    def roots(self, block: Block, number: int) -> NDArray[np.float32]:
        """The inputs of the first[number] likes times the root of the weights, float32 (l,), 0 for all other likes.

        The Gram matrix of these is that of the inputs, weighted.
        """
        k = self.first[number]
        weight = np.where(block.counts >= self._least[number], self._power(block) * self._scale[number] / k, 0.0)
        return np.where(block.places < k, np.repeat(np.sqrt(weight), block.counts), 0.0).astype(np.float32)

    def _power(self, block: Block) -> NDArray[np.float64]:
        power: NDArray[np.float64] = np.maximum(block.counts, 1.0) ** -self._exponent
        return power
