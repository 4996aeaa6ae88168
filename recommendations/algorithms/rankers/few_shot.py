"""The few-shot item-item model of the speed layer: a regression from people's first likes to all of their likes.

The nightly ranker knows people by hundreds of likes. The speed layer ranks for people with a few, and that needs other
weights. So this model is fitted on that task: ridge regression in closed form from people's first k likes, for several
k at once, to all of their likes. The inputs are scaled by k^-1/2, because a query vector is the mean of k signals. Both
sides are centred, so that the prior of popularity alone covers what does not depend on the likes. A denoising
autoencoder over whole histories is added; it knows the rare movies that few people begin with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.session_query import LEARNED_DIRECTIONS
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.sparse import binarised, row_counts, scale_rows

# The lowest strength of a clear like: a fair rating, a watch or a view says little about a person with few signals.
CLEAR_LIKE = 0.8

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
    random_state: int = 0

    def __post_init__(self) -> None:
        if not self.first or min(self.first) < 1:
            raise ValueError("first must name numbers of likes, 1 or more.")
        if self.regularization <= 0:
            raise ValueError(f"regularization must be above 0, not {self.regularization}.")
        if self.whole_histories < 0:
            raise ValueError(f"whole_histories must be 0 or more, not {self.whole_histories}.")
        if self.rank < 1:
            raise ValueError(f"rank must be 1 or more, not {self.rank}.")


class FewShotItemModel:
    """A linear item-item model. weights: B, float32, shape (I, I), row = from, column = to, with a zero diagonal."""

    def __init__(self, config: FewShotConfig | None = None) -> None:
        self.config = config or FewShotConfig()
        self._model = LinearAutoencoder(self.config.autoencoder)

    @property
    def weights(self) -> NDArray[np.float32]:
        """B, see the class."""
        return self._model.weights

    def fit(self, interactions: Interactions, items: NDArray[np.int64] | None = None) -> Self:
        """Fit the likes in their order of time. I is the number of items, or of the positions ``items``.

        Memory: four float32 matrices of (I, I).
        """
        clear = interactions.weights >= CLEAR_LIKE
        # Data without a clear like uses all positive weights.
        interactions = interactions.take(clear if clear.any() else interactions.weights > 0)
        likes = interactions.likes()
        columns = np.arange(likes.shape[1]) if items is None else items
        likes = likes[:, columns]
        self._model.fit(likes)
        B = self._first_likes(likes, self._order(interactions, columns, likes))
        if B is not None:
            np.fill_diagonal(B, 0.0)
            whole = self._model.weights
            if (size := np.linalg.norm(whole)) > 0:
                B += whole * np.float32(self.config.whole_histories * np.linalg.norm(B) / size)
            self._model.weights = B
        return self

    def _order(self, interactions: Interactions, columns: NDArray[np.int64], likes: csr_array) -> csr_array:
        """The place of each like in its person's history, from 0, as a matrix with the structure of ``likes``."""
        liked = np.flatnonzero(np.isin(interactions.items, columns))
        # Likes of the same second, and those of unknown time, get a random order.
        draw = np.random.default_rng(self.config.random_state).random(len(liked))
        liked = liked[np.lexsort((draw, interactions.timestamps[liked], interactions.users[liked]))]
        users = interactions.users[liked]
        place = np.arange(len(liked)) - np.searchsorted(users, users)
        items = np.searchsorted(columns, interactions.items[liked])
        return csr_array((place.astype(np.int32), (users, items)), shape=likes.shape)

    def _first_likes(self, likes: csr_array, order: csr_array) -> NDArray[np.float32] | None:
        """B from first likes to all likes; None when nobody has enough of them."""
        config = self.config
        counts = row_counts(likes)
        size = likes.shape[1]
        gram, target = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
        input_mean, target_mean, total = np.zeros(size), np.zeros(size), 0.0
        everything = binarised(likes)
        for first in config.first:
            people = np.flatnonzero(np.diff(likes.indptr) >= first + config.left)
            if not len(people):
                continue
            weight = counts[people] ** -config.person_exponent
            weight /= weight.mean()
            X, Y = _first(order[people], first), everything[people]
            weighted = scale_rows(X, weight).T.tocsr()
            gram += (weighted @ X).toarray()
            target += (weighted @ Y).toarray()
            input_mean += X.T @ weight
            target_mean += Y.T @ weight
            total += weight.sum()
        if not total:
            return None
        gram -= np.outer(input_mean, input_mean / total).astype(np.float32)
        target -= np.outer(input_mean, target_mean / total).astype(np.float32)
        gram[np.diag_indices(size)] += np.float32(config.regularization * len(config.first))
        _, solved, failed = lapack.sposv(gram.T, target, lower=True, overwrite_a=True)
        if failed:
            raise np.linalg.LinAlgError("The matrix of first likes is not positive definite; raise regularization.")
        return np.ascontiguousarray(solved, np.float32)

    def factorise(self, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query factors A and item factors V, float32, shape (I, width), with B ~ A V'; zero past ``rank``.

        The columns are sorted by strength, the strongest first.
        """
        rank = min(self.config.rank, width)
        A, V = self._model.factorise(rank, self.config.random_state)
        padding = ((0, 0), (0, width - rank))
        return np.pad(A, padding), np.pad(V, padding)


def _first(order: csr_array, count: int) -> csr_array:
    """The first ``count`` likes of each person, each with the value count^-1/2, float32."""
    kept = order.data < count
    rows = np.repeat(np.arange(order.shape[0]), np.diff(order.indptr))[kept]
    values = np.full(len(rows), count**-0.5, np.float32)
    return csr_array((values, (rows, order.indices[kept])), shape=order.shape)
