"""The likes of many people, read in blocks of people: what a model sums over people, it sums here.

A model's memory then follows the catalogue, not the people, and the same statistics are summed by the threads of one
machine (``LocalLikes``) or by the executors of a cluster (``recommendations.training.engines``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from recommendations.algorithms.people import draw_number, people_blocks
from recommendations.algorithms.sparse import column_counts, csr_of_kept, places_of
from recommendations.algorithms.threads import thread_count

Sums = tuple[NDArray[Any], ...]
# Adds the share of one block of people, csr (people, I), to the sums, given the state. A function of a module with a
# state that can be sent: a cluster runs it elsewhere.
Statistic = Callable[[csr_array, Any, Sums], None]
# Shape and dtype of each sum.
Shapes = Sequence[tuple[tuple[int, ...], DTypeLike]]

# Likes of a block: their matrices take some tens of MB.
BLOCK_LIKES = 1_000_000
# Of the sums of all threads together, in bytes: where more cores would need more, some of them rest.
MAX_SUMS = 4 << 30


class Likes(Protocol):
    """Strengths of likes, float32 above 0, of U people (rows) on I items (columns)."""

    @property
    def shape(self) -> tuple[int, int]:
        """(U, I)."""
        ...

    def sum(self, statistic: Statistic, state: Any, shapes: Shapes) -> Sums:
        """The sums over all people: zeros of these shapes, to which ``statistic`` adds each block's share.

        The same likes give the same sums on the same number of threads or partitions.
        """
        ...

    def over(self, items: NDArray[np.int64]) -> Self:
        """The same people's likes of the items at these positions, which become the columns in this order."""
        ...

    def sample(self, people: int, random_state: int) -> csr_array:
        """The likes of ``people`` people drawn at random, in the order of their rows; of all, if they are no more."""
        ...


@dataclass(frozen=True, slots=True)
class LocalLikes:
    """Likes in the arrays of a csr matrix, which may be mapped from a file. Blocks are summed by threads.

    data: float32 (n,); indices: int32 (n,); indptr: int64 (U + 1,); width: I. columns: the column of each index, int32,
    -1 for an index that is left out; None if the indices are the columns.
    """

    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]
    width: int
    columns: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, likes: csr_array) -> Self:
        """From a matrix (U, I)."""
        indptr = likes.indptr.astype(np.int64)
        return cls(likes.data, likes.indices.astype(np.int32, copy=False), indptr, likes.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indptr) - 1, self.width

    def sum(self, statistic: Statistic, state: Any, shapes: Shapes) -> Sums:
        """See ``Likes.sum``. Memory: the sums once for each thread, and what the statistic needs for a block.

        With large sums there are fewer threads, so that the sums take at most MAX_SUMS, or are there once.
        """
        blocks = self.blocks()
        size = sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in shapes)
        workers = max(min(thread_count(), len(blocks), MAX_SUMS // max(size, 1)), 1)
        stopped = Event()

        def work(worker: int) -> Sums:
            sums = tuple(np.zeros(shape, dtype) for shape, dtype in shapes)
            # Fixed blocks for each thread: the order of additions, and with it the last digits, is always the same.
            for start, stop in blocks[worker::workers]:
                if stopped.is_set():
                    break
                statistic(self.rows(start, stop), state, sums)
            return sums

        if workers == 1:
            return work(0)
        # Each thread has a core: the products of a block must not be divided once more.
        with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
            try:
                futures = [pool.submit(work, worker) for worker in range(workers)]
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                total, *rest = [future.result() for future in futures]
            finally:
                # An error or an interrupt waits for the blocks under way, not for all of them.
                stopped.set()
        for sums in rest:
            for whole, part in zip(total, sums, strict=True):
                np.add(whole, part, out=whole)
        return total

    def over(self, items: NDArray[np.int64]) -> Self:
        columns = columns_over(items, self.width, self.columns)
        return type(self)(self.data, self.indices, self.indptr, len(items), columns)

    def sample(self, people: int, random_state: int) -> csr_array:
        everyone = self.shape[0]
        if everyone <= people:
            return self.rows(0, everyone)
        chosen = draw_number(everyone, people, random_state)
        spans = [slice(self.indptr[row], self.indptr[row + 1]) for row in chosen.tolist()]
        lengths = np.diff(self.indptr)[chosen]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        data = np.concatenate([self.data[span] for span in spans])
        indices = np.concatenate([self.indices[span] for span in spans])
        return type(self)(data, indices, indptr, self.width, self.columns).rows(0, people)

    def rows(self, start: int, stop: int) -> csr_array:
        """The likes of the people from ``start`` to before ``stop``, csr (people, I)."""
        first, last = int(self.indptr[start]), int(self.indptr[stop])
        data, indices = np.asarray(self.data[first:last]), np.asarray(self.indices[first:last])
        indptr = self.indptr[start : stop + 1] - first
        if self.columns is not None:
            indices = self.columns[indices]
            return csr_of_kept(indices >= 0, data, indices, indptr, self.width)
        return csr_array((data, indices, indptr.astype(np.int32)), shape=(stop - start, self.width))

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of people with about BLOCK_LIKES likes each, see ``people_blocks``."""
        return people_blocks(self.indptr, BLOCK_LIKES)


def columns_over(items: NDArray[np.int64], width: int, columns: NDArray[np.int32] | None = None) -> NDArray[np.int32]:
    """The columns of ``Likes.over``, see LocalLikes: items at positions below ``width``, which have ``columns`` now."""
    places = places_of(items, width)
    return places if columns is None else np.where(columns >= 0, places[columns], np.int32(-1))


def as_likes(likes: csr_array | Likes) -> Likes:
    """What models are fitted on; a matrix is read in this process."""
    return LocalLikes.of(likes) if isinstance(likes, csr_array) else likes


def like_counts(likes: Likes) -> NDArray[np.float64]:
    """Likes by item, (I,)."""
    (counts,) = likes.sum(_add_counts, None, [((likes.shape[1],), np.float64)])
    return counts


def _add_counts(block: csr_array, state: None, sums: Sums) -> None:
    sums[0][...] += column_counts(block)
