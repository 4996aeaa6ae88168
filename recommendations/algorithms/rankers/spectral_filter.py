"""A spectral graph filter: projects people onto the strongest directions of all likes. A cheap member of the ensemble.

Y. Shen et al., How Powerful is Graph Convolution for Recommendation?, CIKM 2021 (GF-CF: the ideal low-pass filter).
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
    row_counts,
    scale_columns,
    scale_rows,
)


@dataclass(frozen=True, slots=True)
class SpectralConfig:
    """``rank`` of the ideal low-pass filter."""

    rank: int = 128
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be 1 or more, not {self.rank}.")


class SpectralFilter:
    """Projects people onto the top singular vectors of the degree-normalised matrix of likes."""

    def __init__(self, config: SpectralConfig | None = None) -> None:
        self.config = config or SpectralConfig()
        self.query_factors: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.item_factors: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, likes: csr_array) -> Self:
        """Fit which items (columns) people (rows) liked."""
        binary = binarised(likes)
        degree = np.sqrt(column_counts(binary) + POPULARITY_SMOOTHING)
        normalised = scale_columns(scale_rows(binary, row_counts(binary) ** -0.5), 1 / degree)
        rank = min(self.config.rank, *likes.shape)
        right = np.zeros((0, likes.shape[1]))  # Without people or items there is nothing to factorise.
        if rank:
            # Only training needs it, and it takes long to import.
            from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415

            _, _, right = randomized_svd(normalised, rank, n_iter=6, random_state=self.config.random_state)
        self.query_factors = (right.T / degree[:, None]).astype(np.float32)
        self.item_factors = (right.T * degree[:, None]).astype(np.float32)
        return self

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); the people may be new."""
        return np.asarray(np.asarray(binarised(likes) @ self.query_factors) @ self.item_factors.T, np.float32)
