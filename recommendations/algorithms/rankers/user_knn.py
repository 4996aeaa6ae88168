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

from recommendations.algorithms.sparse import (
    POPULARITY_SMOOTHING,
    binarised,
    column_counts,
    scale_columns,
    scale_rows,
)

_BLOCK = 512


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
    """Sums the likes of all fitted people, weighted by a power of their cosine to the person that is scored.

    A fitted person is their own neighbour, too; that raises only items they have seen, which their list leaves out.
    """

    def __init__(self, config: UserKNNConfig | None = None) -> None:
        self.config = config or UserKNNConfig()
        self._likes = csr_array((0, 0), dtype=np.float32)
        self._popularity: NDArray[np.float64] = np.zeros(0)

    def fit(self, likes: csr_array) -> Self:
        """Store which items (columns) people (rows) liked."""
        self._likes = binarised(likes)
        self._popularity = column_counts(self._likes) + POPULARITY_SMOOTHING
        return self

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); the people may be new. Time grows with people scored x people fitted."""
        queries = self._unit(binarised(likes))
        everyone = self._unit(self._likes).T.tocsc()
        votes = self._likes.T.tocsr()
        damping = (self._popularity**self.config.vote_popularity_exponent).astype(np.float32)
        scores = np.empty(likes.shape, np.float32)
        for start in range(0, likes.shape[0], _BLOCK):
            cosine = (queries[start : start + _BLOCK] @ everyone).toarray() ** self.config.locality
            scores[start : start + _BLOCK] = np.asarray(votes @ cosine.T).T * damping
        return scores

    def _unit(self, rows: csr_array) -> csr_array:
        """Rows damped by popularity and scaled to length 1."""
        damped = scale_columns(rows, self._popularity**self.config.cosine_popularity_exponent)
        lengths = np.sqrt(np.asarray(damped.multiply(damped).sum(axis=1)).ravel())
        return scale_rows(damped, 1 / np.maximum(lengths, 1e-12))
