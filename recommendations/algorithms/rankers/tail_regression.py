"""Scores of the long tail: items that the dense item-item matrix has no room for.

The autoencoder's matrix is factorised, B ~ A V'. A person's query is the sum of A over the head items that they like.
Ridge regression in closed form then gives each tail item the factors that predict who likes it from their query. Its
cost is one (rank, rank) system for all tail items, and a sum over people; its memory (tail items x rank).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.likes import Likes, Sums, like_counts
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder
from recommendations.algorithms.sparse import POPULARITY_SMOOTHING, binarised, row_counts


@dataclass(frozen=True, slots=True)
class TailConfig:
    """Hyperparameters, chosen on validation data (docs/evaluation.md)."""

    rank: int = 64
    # Ridge, relative to the mean of the diagonal of the queries' Gram matrix.
    regularization: float = 1.0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be 1 or more, not {self.rank}.")
        if self.regularization <= 0:
            raise ValueError(f"regularization must be above 0, not {self.regularization}.")


class TailRegression:
    """Query factors of K head items, float32 (K, rank), and item factors of T tail items, (T, rank)."""

    def __init__(self, config: TailConfig | None = None) -> None:
        self.config = config or TailConfig()
        self.query_factors: NDArray[np.float32] = np.zeros((0, self.config.rank), np.float32)
        self.item_factors: NDArray[np.float32] = np.zeros((0, self.config.rank), np.float32)

    def fit(self, likes: Likes, autoencoder: LinearAutoencoder) -> Self:
        """Fit strengths of likes, (people, K + T), the head first; autoencoder: fitted on the head."""
        config = autoencoder.config
        head, rank = len(autoencoder.weights), self.config.rank
        self.query_factors = autoencoder.factorise(rank)[0]
        tail = likes.shape[1] - head
        shapes = [((rank, rank), np.float64), ((tail, rank), np.float32)]
        gram, target = likes.sum(_add_queries, (self.query_factors, config.person_exponent), shapes)
        strength = float(np.trace(gram))
        if not strength:
            # No two items of the head were liked together: nobody has a query, and nothing can be learned from queries.
            self.item_factors = np.zeros((tail, rank), np.float32)
            return self
        gram += self.config.regularization * strength / rank * np.eye(rank)
        factors = np.linalg.solve(gram, target.T.astype(np.float64)).T
        counts = like_counts(likes)
        popularity = (counts + POPULARITY_SMOOTHING) / counts[:head].mean()
        factors *= popularity[head:, None] ** config.target_popularity_exponent
        self.item_factors = factors.astype(np.float32)
        return self

    def queries(self, likes: csr_array) -> NDArray[np.float32]:
        """People's queries, float32 (people, rank), from strengths of likes of the head, (people, K)."""
        return np.asarray(likes @ self.query_factors, np.float32)


def _add_queries(block: csr_array, state: tuple[NDArray[np.float32], float], sums: Sums) -> None:
    """Adds the Gram matrix of people's queries, (rank, rank), and the queries summed by tail item, (T, rank)."""
    query_factors, person_exponent = state
    head = len(query_factors)
    queries = block[:, :head] @ query_factors
    weight = (row_counts(block) ** -person_exponent).astype(np.float32)
    weighted = queries * weight[:, None]
    sums[0][...] += weighted.T @ queries
    sums[1][...] += binarised(block)[:, head:].T @ weighted
