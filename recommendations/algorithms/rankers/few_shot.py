"""The few-shot item-item model of the speed layer: a regression from people's first likes to all of their likes.

The nightly ranker knows people by hundreds of likes. The speed layer ranks for people with a few, and that needs other
weights. So this model is fitted on that task: ridge regression in closed form from people's first k likes, for several
k at once, to all of their likes. The inputs are scaled by k^-1/2, because a query vector is the mean of k signals. Both
sides are centred, so that the prior of popularity alone covers what does not depend on the likes. A denoising
autoencoder over whole histories is added; it knows the rare movies that few people begin with.

The closed form is dense, so it covers the most liked movies only, the head. The item factors of the others, the tail,
are fitted afterwards: ridge regression from the query vectors of people's first likes of the head to all of their likes
of the tail. That is one system of the factors' size for the whole tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.session_query import LEARNED_DIRECTIONS
from recommendations.algorithms.mapped import local_likes
from recommendations.algorithms.rankers.first_likes import FirstLikeWeights, LikesInOrder
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.sparse import most_liked, places_of
from recommendations.algorithms.threads import map_in_threads

# The lowest strength of a clear like: a fair rating, a watch or a view says little about a person with few signals.
CLEAR_LIKE = 0.8
# Rows of a dense matrix that are worked on at once: a part of it takes some tens of MB.
_TILE = 256

# Over whole histories: a stronger ridge and more dropout than the ranker's, and no damping of popular items.
WHOLE_HISTORIES = LinearAutoencoderConfig(
    regularization=1000.0,
    regularization_popularity_exponent=0.0,
    dropout_ratio=3.0,
    person_exponent=0.5,
    diagonal_relaxation=1.0,
    target_popularity_exponent=0.0,
)


@dataclass(frozen=True, slots=True)
class FewShotConfig:
    """Hyperparameters, chosen on people of ML-1M who were held out for that (docs/evaluation.md)."""

    # The values of k.
    first: tuple[int, ...] = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30)
    # People with fewer likes after their first k are left out for that k.
    left: int = 5
    # Ridge for each of ``first``.
    regularization: float = 6.0
    # A person weighs (number of likes) to minus this power.
    person_exponent: float = 0.3
    # Norm of the added autoencoder over whole histories, relative to this model's own.
    whole_histories: float = 0.5
    autoencoder: LinearAutoencoderConfig = field(default=WHOLE_HISTORIES)
    # More directions than this fit noise. Serving drops some of these for people with few signals.
    rank: int = LEARNED_DIRECTIONS
    # The closed form covers this number of items, the most liked ones: three float32 matrices of (items)^2, 1.2 GB for
    # 10,000.
    max_items: int = 10_000
    # Ridge for the item factors of the others, in units of ``regularization`` for items of average strength.
    tail_regularization: float = 1.0
    random_state: int = 0

    def __post_init__(self) -> None:
        if not self.first or min(self.first) < 1:
            raise ValueError("first must name numbers of likes, 1 or more.")
        if self.regularization <= 0:
            raise ValueError(f"regularization must be above 0, not {self.regularization}.")
        if self.whole_histories < 0:
            raise ValueError(f"whole_histories must be 0 or more, not {self.whole_histories}.")
        for name in ("rank", "max_items"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        if self.tail_regularization <= 0:
            raise ValueError(f"tail_regularization must be above 0, not {self.tail_regularization}.")


class FewShotItemModel:
    """A linear item-item model of I items, of which H are the head.

    head: positions of the head among the items, ascending, int64 (H,). weights: B of the head, float32, shape (H, H),
    row = from, column = to, with a zero diagonal.
    """

    def __init__(self, config: FewShotConfig | None = None) -> None:
        self.config = config or FewShotConfig()
        self.head: NDArray[np.int64] = np.zeros(0, np.int64)
        self._model = LinearAutoencoder(self.config.autoencoder)
        self._likes: LikesInOrder | None = None

    @property
    def weights(self) -> NDArray[np.float32]:
        """B, see the class."""
        return self._model.weights

    def fit(self, interactions: Interactions, items: NDArray[np.int64] | None = None) -> Self:
        """Fit the likes in their order of time. I is the number of items, or of the positions ``items``, ascending.

        Memory: three float32 matrices of (H, H), and the autoencoder's.
        """
        clear = interactions.weights >= CLEAR_LIKE
        # Data without a clear like uses all positive weights.
        interactions = interactions.take(clear if clear.any() else interactions.weights > 0)
        items = np.arange(len(interactions.item_ids)) if items is None else items
        self._likes = LikesInOrder(interactions, items, self.config.random_state)
        self.head = most_liked(self._likes.item_counts, self.config.max_items)
        self._model.fit(local_likes(interactions).over(items[self.head]))
        B = self._first_likes(self._likes)
        if B is not None:
            np.fill_diagonal(B, 0.0)
            whole = self._model.weights
            if (size := np.linalg.norm(whole)) > 0:
                factor = np.float32(self.config.whole_histories * np.linalg.norm(B) / size)
                for rows in _tiles(len(B)):
                    B[rows] += whole[rows] * factor
            self._model.weights = B
        return self

    def _weights(self, likes: LikesInOrder) -> FirstLikeWeights:
        config = self.config
        return FirstLikeWeights(config.first, config.left, config.person_exponent, likes.counts)

    def _first_likes(self, likes: LikesInOrder) -> NDArray[np.float32] | None:
        """B of the head from first likes to all likes; None when nobody has enough of them."""
        config, size, weights = self.config, len(self.head), self._weights(likes)
        if not len(weights.first):
            return None
        column = places_of(self.head, likes.width)
        # The target is transposed, so that LAPACK, which counts by columns, solves in place.
        gram, target = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
        input_mean, target_mean, total = np.zeros(size), np.zeros(size), 0.0
        for block in likes.blocks():
            everything = block.matrix(column, size, np.ones(len(block.columns), np.float32))
            inputs = block.matrix(column, size, weights.inputs(block))
            people = weights.people(block)
            roots = [block.matrix(column, size, weights.roots(block, number)) for number in range(len(weights.first))]
            _add_products([*((gram, root, root) for root in roots), (target, everything, inputs)])
            input_mean += inputs.sum(axis=0)
            target_mean += everything.T @ people
            total += people.sum()
        for rows in _tiles(size):
            gram[rows] -= np.outer(input_mean[rows], input_mean / total).astype(np.float32)
            target[rows] -= np.outer(target_mean[rows], input_mean / total).astype(np.float32)
        gram[np.diag_indices(size)] += np.float32(config.regularization * len(config.first))
        _, solved, failed = lapack.sposv(gram.T, target.T, lower=True, overwrite_a=True, overwrite_b=True)
        if failed:
            raise np.linalg.LinAlgError("The matrix of first likes is not positive definite; raise regularization.")
        return _transposed_in_place(solved.T)

    def factorise(self, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query factors A and item factors V, float32, shape (I, width), zero past ``rank``. B ~ A V' in the head.

        The columns are sorted by strength, the strongest first. The tail has no query factors: a few likes do not
        determine them.
        """
        rank = min(self.config.rank, width)
        items = len(self.head) if self._likes is None else self._likes.width
        A, V = np.zeros((items, width), np.float32), np.zeros((items, width), np.float32)
        A[self.head, :rank], V[self.head, :rank] = self._model.factorise(rank, self.config.random_state)
        if self._likes is not None and len(self.head) < items:
            tail = np.setdiff1d(np.flatnonzero(self._likes.item_counts), self.head)
            V[tail, :rank] = self._tail_factors(self._likes, tail, A[self.head, :rank])
        return A, V

    def _tail_factors(
        self, likes: LikesInOrder, tail: NDArray[np.int64], A: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Item factors of the tail, float32 (T, rank): ridge regression from first likes of the head, by their A."""
        rank, weights, config = A.shape[1], self._weights(likes), self.config
        of_head, of_tail = places_of(self.head, likes.width), places_of(tail, likes.width)
        gram, target = np.zeros((rank, rank)), np.zeros((len(tail), rank))
        query_mean, target_mean, total = np.zeros(rank), np.zeros(len(tail)), 0.0
        for block in likes.blocks() if len(weights.first) else ():
            liked = block.matrix(of_tail, len(tail), np.ones(len(block.columns), np.float32)).T.tocsr()
            people = weights.people(block)
            queries = block.matrix(of_head, len(A), weights.inputs(block)) @ A
            for number in range(len(weights.first)):
                first = block.matrix(of_head, len(A), weights.roots(block, number)) @ A
                gram += first.T @ first
            target += liked @ queries
            query_mean += queries.sum(axis=0)
            target_mean += liked @ people
            total += people.sum()
        if not total or not A.any():
            return np.zeros((len(tail), rank), np.float32)
        gram -= np.outer(query_mean, query_mean / total)
        target -= np.outer(target_mean, query_mean / total)
        ridge = config.tail_regularization * config.regularization * len(config.first)
        gram[np.diag_indices(rank)] += ridge * np.square(A, dtype=np.float64).sum() / rank
        return np.asarray(np.linalg.solve(gram, target.T).T, np.float32)


def _tiles(size: int) -> list[slice]:
    return [slice(start, min(start + _TILE, size)) for start in range(0, size, _TILE)]


def _add_products(sums: Sequence[tuple[NDArray[np.float32], csr_array, csr_array]]) -> None:
    """Add left' right to ``out`` in place, for each (out, left, right); the outs are (H, H), as are the products.

    Each thread has rows of its own.
    """
    terms = [(out.reshape(-1), left.T.tocsr(), right) for out, left, right in sums]
    size = len(sums[0][0])

    def add(tile: slice) -> None:
        for flat, rows, right in terms:
            product = rows[tile] @ right
            index = np.repeat(np.arange(tile.start, tile.stop) * size, np.diff(product.indptr))
            index += product.indices
            flat[index] += product.data

    for _ in map_in_threads(add, _tiles(size)):
        pass


def _transposed_in_place(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The transpose of a square matrix, in the same memory."""
    for rows in _tiles(len(matrix)):
        corner = matrix[rows, rows].T.copy()
        below = matrix[rows.stop :, rows].T.copy()
        matrix[rows.stop :, rows] = matrix[rows, rows.stop :].T
        matrix[rows, rows.stop :] = below
        matrix[rows, rows] = corner
    return matrix
