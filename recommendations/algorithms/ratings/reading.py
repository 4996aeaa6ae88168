"""Ratings of interactions in blocks of people, and a random share of them held out; in bounded memory.

Nothing here is as long as the interactions, except 8 bytes a row where they are not sorted by person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.column_files import row_blocks
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.people import draw_people, people_blocks
from recommendations.algorithms.ratings.base import ITEM_DAMPING, USER_DAMPING, DampedMeans, Ratings

# People with fewer ratings keep all of them for training.
MIN_RATINGS = 20
# An error is known well enough with these; a share of more ratings is not held out.
MAX_HELD_OUT = 250_000
# Rows of a block of people.
BLOCK_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class RatingReader:
    """The ratings of U people for I items, except those that are held out.

    starts: int64 (U + 1,), where each person's rows begin in ``order``; order: positions of the interactions, None
    where they are sorted by person. counts: int32 (U,), kept ratings of each person. held: ascending positions of the
    interactions whose rating is held out. scale: the lowest and the highest rating of all.
    """

    interactions: Interactions
    starts: NDArray[np.int64]
    order: NDArray[np.int64] | None
    counts: NDArray[np.int32]
    held: NDArray[np.int64]
    scale: tuple[float, float]

    @classmethod
    def of(cls, interactions: Interactions, held_out: float = 0.0, seed: int = 0) -> RatingReader | None:
        """Hold out a random share of the ratings of people with MIN_RATINGS; None if no two ratings differ.

        Raises ValueError for an infinite rating.
        """
        people = len(interactions.user_ids)
        counts, lengths = np.zeros(people, np.int64), np.zeros(people, np.int64)
        low, high, is_sorted, last = np.inf, -np.inf, True, -1
        for _, users, ratings in _row_blocks(interactions):
            values = ratings[~np.isnan(ratings)]
            low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
            lengths += np.bincount(users, minlength=people)
            counts += np.bincount(users[~np.isnan(ratings)], minlength=people)
            is_sorted = is_sorted and users[0] >= last and bool((users[1:] >= users[:-1]).all())
            last = int(users[-1])
        if not low < high:
            return None
        if not np.isfinite([low, high]).all():
            raise ValueError("A rating is infinite.")
        held = _held_out(interactions, counts, held_out, seed)
        counts -= np.bincount(interactions.users[held], minlength=people)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        order = None if is_sorted else np.argsort(interactions.users, kind="stable")
        return cls(interactions, starts, order, counts.astype(np.int32), held, (float(low), float(high)))

    def __len__(self) -> int:
        """The number of ratings that are kept."""
        return int(self.counts.sum(dtype=np.int64))

    @property
    def shape(self) -> tuple[int, int]:
        """(U, I)."""
        return len(self.interactions.user_ids), len(self.interactions.item_ids)

    def all(self) -> Ratings:
        """All kept ratings, in the order of the interactions."""
        rows = [start + np.flatnonzero(~np.isnan(ratings)) for start, _, ratings in _row_blocks(self.interactions)]
        return self._take(np.setdiff1d(np.concatenate(rows), self.held, assume_unique=True), self.shape)

    def blocks(self) -> Iterator[tuple[int, Ratings]]:
        """The kept ratings in blocks of people: (the first of them, ratings of people from 0)."""
        for start, stop in people_blocks(self.starts, BLOCK_ROWS):
            rows = self._rows(start, stop)
            ratings = self._take(rows[self._is_kept(rows)], (stop - start, self.shape[1]))
            yield start, Ratings(ratings.users - np.int32(start), ratings.items, ratings.values, ratings.shape)

    def sample(self, most: int, seed: int) -> Ratings:
        """All kept ratings of random people, at most ``most`` of them; the people are numbered again."""
        chosen = draw_people(self.counts, most, seed)
        places = (np.cumsum(chosen) - 1).astype(np.int32)
        parts = []
        for start, block in self.blocks():
            kept = chosen[start : start + block.shape[0]][block.users]
            parts.append((places[start + block.users[kept]], block.items[kept], block.values[kept]))
        users, items, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Ratings(users, items, values, (int(chosen.sum()), self.shape[1]))

    def means(self) -> DampedMeans:
        """The damped means of the kept ratings, as ``DampedMeans.fit`` has them but for rounding; two readings."""
        people, items = self.shape
        sums, item_counts = np.zeros(items), np.zeros(items)
        for _, block in self.blocks():
            sums += np.bincount(block.items, block.values, items)
            item_counts += np.bincount(block.items, minlength=items)
        mean = float(sums.sum() / max(item_counts.sum(), 1))
        offsets = (sums - mean * item_counts) / (item_counts + ITEM_DAMPING)
        users = np.zeros(people, np.float32)
        for start, block in self.blocks():
            rest = np.bincount(block.users, block.values - mean - offsets[block.items], block.shape[0])
            own = slice(start, start + block.shape[0])
            users[own] = rest / (self.counts[own] + USER_DAMPING)
        return DampedMeans(mean, users, offsets.astype(np.float32), self.counts, item_counts.astype(np.int32))

    def _rows(self, start: int, stop: int) -> NDArray[np.int64]:
        """The positions of the interactions of the people from ``start`` to before ``stop``."""
        first, last = int(self.starts[start]), int(self.starts[stop])
        return np.arange(first, last) if self.order is None else self.order[first:last]

    def _is_kept(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        kept = ~np.isnan(self.interactions.ratings[rows])
        if len(self.held):
            place = np.minimum(np.searchsorted(self.held, rows), len(self.held) - 1)
            kept &= self.held[place] != rows
        return kept

    def _take(self, rows: NDArray[np.int64], shape: tuple[int, int]) -> Ratings:
        data = self.interactions
        return Ratings(
            np.asarray(data.users[rows]), np.asarray(data.items[rows]), np.asarray(data.ratings[rows]), shape
        )


def _row_blocks(interactions: Interactions) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.float32]]]:
    """(first position, users, ratings) of blocks of rows."""
    for rows in row_blocks(len(interactions)):
        yield rows.start, np.asarray(interactions.users[rows]), np.asarray(interactions.ratings[rows])


def _held_out(interactions: Interactions, counts: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """Ascending positions of a random share of the ratings of people with MIN_RATINGS, at most about MAX_HELD_OUT."""
    enough = counts >= MIN_RATINGS
    share = min(share, MAX_HELD_OUT / max(int(counts[enough].sum()), 1))
    rng = np.random.default_rng(seed)
    parts = [np.zeros(0, np.int64)]
    for start, users, ratings in _row_blocks(interactions):
        drawn = rng.random(len(users)) < share
        parts.append(start + np.flatnonzero(drawn & enough[users] & ~np.isnan(ratings)))
    return np.concatenate(parts)
