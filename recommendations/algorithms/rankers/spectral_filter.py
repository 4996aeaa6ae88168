"""A spectral graph filter: projects people onto the strongest directions of all likes. A cheap member of the ensemble.

Y. Shen et al., How Powerful is Graph Convolution for Recommendation?, CIKM 2021 (GF-CF: the ideal low-pass filter).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.likes import Likes, Sums, as_likes, like_counts
from recommendations.algorithms.sparse import (
    POPULARITY_SMOOTHING,
    binarised,
    row_counts,
    scale_columns,
    scale_rows,
)

# Directions beyond the rank, and passes over the data, of the subspace iteration.
_OVERSAMPLES = 10
_PASSES = 6


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

    def fit(self, likes: csr_array | Likes) -> Self:
        """Fit which items (columns) people (rows) liked, by subspace iteration: each pass is a sum over people.

        N. Halko, P.-G. Martinsson, J. Tropp, Finding Structure with Randomness, SIAM Review 2011 (algorithm 4.4).
        """
        everyone = as_likes(likes)
        people, items = everyone.shape
        degree = np.sqrt(like_counts(everyone) + POPULARITY_SMOOTHING)
        rank = min(self.config.rank, people, items)
        width = min(rank + _OVERSAMPLES, items)
        right = np.zeros((items, 0))  # Without people or items there is nothing to factorise.
        if rank:
            rng = np.random.default_rng(self.config.random_state)
            basis = np.linalg.qr(rng.standard_normal((items, width)))[0]
            shape = [((items, width), np.float64)]
            for _ in range(_PASSES):
                (product,) = everyone.sum(_add_product, (basis.astype(np.float32), degree), shape)
                basis = np.linalg.qr(product)[0]
            (product,) = everyone.sum(_add_product, (basis.astype(np.float32), degree), shape)
            _, vectors = np.linalg.eigh(basis.T @ product)
            right = basis @ vectors[:, ::-1][:, :rank]
        self.query_factors = (right / degree[:, None]).astype(np.float32)
        self.item_factors = (right * degree[:, None]).astype(np.float32)
        return self

    def queries(self, likes: csr_array) -> NDArray[np.float32]:
        """People's vectors from their likes, (people, I): float32 (people, rank)."""
        return np.asarray(binarised(likes) @ self.query_factors, np.float32)

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); the people may be new."""
        return np.asarray(self.queries(likes) @ self.item_factors.T, np.float32)


def _add_product(block: csr_array, state: tuple[NDArray[np.float32], NDArray[np.float64]], sums: Sums) -> None:
    """Adds X' X times the basis, (I, width), where X are the likes divided by the roots of both degrees."""
    basis, degree = state
    binary = binarised(block)
    normalised = scale_columns(scale_rows(binary, row_counts(binary) ** -0.5), 1 / degree)
    sums[0][...] += normalised.T @ (normalised @ basis)
