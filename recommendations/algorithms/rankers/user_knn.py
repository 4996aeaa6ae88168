"""User kNN: scores items by the likes of similar people. A cheap member of the ensemble.

F. Aiolli, Efficient Top-N Recommendation for Very Large Scale Binary Rated Datasets, RecSys 2013 (a power of the cosine
as locality, damping by popularity).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.likes import Likes, as_likes, like_counts
from recommendations.algorithms.sparse import (
    POPULARITY_SMOOTHING,
    binarised,
    scale_columns,
    scale_rows,
)

_BLOCK = 512
_SEED = 0


@dataclass(frozen=True, slots=True)
class UserKNNConfig:
    """``locality``: power of the cosine between people; the exponents damp popular items in cosine and in votes."""

    locality: int = 5
    cosine_popularity_exponent: float = -0.25
    vote_popularity_exponent: float = -0.2

    def __post_init__(self) -> None:
        if self.locality < 1:
            raise ValueError(f"locality must be 1 or more, not {self.locality}.")


class UserKNN:
    """Sums the likes of the neighbours, weighted by a power of their cosine to the person that is scored.

    The neighbours are the fitted people; of more than ``max_neighbours``, a random sample. A fitted person is their own
    neighbour, too; that raises only items they have seen, which their list leaves out.
    """

    def __init__(self, config: UserKNNConfig | None = None, max_neighbours: int | None = None) -> None:
        self.config = config or UserKNNConfig()
        self._max_neighbours = max_neighbours
        self._popularity: NDArray[np.float64] = np.zeros(0)
        # Of the neighbours: unit vectors as columns, (I, neighbours), and likes by item, (I, neighbours).
        self._neighbours = self._votes = csr_array((0, 0), dtype=np.float32)

    def fit(self, likes: csr_array | Likes) -> Self:
        """Store which items (columns) the neighbours (rows) liked."""
        everyone = as_likes(likes)
        self._popularity = like_counts(everyone) + POPULARITY_SMOOTHING
        sample = binarised(everyone.sample(self._max_neighbours or everyone.shape[0], _SEED))
        self._neighbours, self._votes = self._unit(sample).T.tocsr(), sample.T.tocsr()
        return self

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); the people may be new. Time grows with people scored x neighbours."""
        queries = self._unit(binarised(likes))
        damping = (self._popularity**self.config.vote_popularity_exponent).astype(np.float32)
        scores = np.empty(likes.shape, np.float32)
        for start in range(0, likes.shape[0], _BLOCK):
            cosine = (queries[start : start + _BLOCK] @ self._neighbours).toarray() ** self.config.locality
            scores[start : start + _BLOCK] = np.asarray(self._votes @ cosine.T).T * damping
        return scores

    def _unit(self, rows: csr_array) -> csr_array:
        """Rows damped by popularity and scaled to length 1."""
        damped = scale_columns(rows, self._popularity**self.config.cosine_popularity_exponent)
        lengths = np.sqrt(np.asarray(damped.multiply(damped).sum(axis=1)).ravel())
        return scale_rows(damped, 1 / np.maximum(lengths, 1e-12))
