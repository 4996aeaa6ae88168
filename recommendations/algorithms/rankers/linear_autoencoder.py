"""Linear item-item autoencoders with a closed form, the main member of the ranker.

H. Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019 (EASE: the zero diagonal).
H. Steck, Autoencoders that don't overfit towards the Identity, NeurIPS 2020 (EDLAE: dropout in expectation).
J. Moon, H. Kim, J. Lee, It's Enough: Relaxing Diagonal Constraints in Linear Autoencoders, SIGIR 2023 (RDLAE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array

from recommendations.algorithms.likes import Likes, Sums, as_likes
from recommendations.algorithms.sparse import (
    POPULARITY_SMOOTHING,
    binarised,
    column_counts,
    row_counts,
    scale_rows,
)

# Entries of the Gram matrix that are summed at a time, and rows of B that are solved at a time.
_TILE = 32_000_000
_SOLVED_ROWS = 2048


@dataclass(frozen=True, slots=True)
class LinearAutoencoderConfig:
    """Hyperparameters; the defaults were chosen on validation data cut from ML-1M's published training part."""

    # Ridge of an item of average popularity; each item's ridge grows with (popularity / mean) to the exponent.
    regularization: float = 240.0
    regularization_popularity_exponent: float = 0.10
    # p / (1 - p) of dropout p, times the diagonal of the Gram matrix.
    dropout_ratio: float = 1.75
    # A person's row weighs (number of likes) to minus this power: each of many likes is weaker evidence.
    person_exponent: float = 0.49
    # 1 leaves the diagonal free (denoising), 0 constrains it to zero (EASE), between relaxes the constraint.
    diagonal_relaxation: float = 0.78
    # Columns of B are scaled by (popularity / mean) to this power; a negative power damps popular items.
    target_popularity_exponent: float = -0.13

    def __post_init__(self) -> None:
        if self.regularization <= 0:
            raise ValueError(f"regularization must be above 0, not {self.regularization}.")
        if self.dropout_ratio < 0:
            raise ValueError(f"dropout_ratio must be 0 or more, not {self.dropout_ratio}.")
        if not 0 <= self.diagonal_relaxation <= 1:
            raise ValueError(f"diagonal_relaxation must be in [0, 1], not {self.diagonal_relaxation}.")


# EASE as published for ML-1M: every refinement off.
EASE_ML1M = LinearAutoencoderConfig(696.786, 0.0, 0.0, 0.0, 0.0, 0.0)


class LinearAutoencoder:
    """Scores of a person = (the strengths of their likes) times B.

    weights: B, float32, shape (I, I), row = from, column = to. Its diagonal is zero: no item recommends itself.
    """

    def __init__(self, config: LinearAutoencoderConfig | None = None) -> None:
        self.config = config or LinearAutoencoderConfig()
        self.weights: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, likes: csr_array | Likes) -> Self:
        """Solve for B from strengths of likes, shape (people, I), above 0.

        The target is always which items were liked; the strengths only weight the input.
        Memory: two float32 matrices of (I, I), and some tiles of them for each thread; one if all strengths are 1.
        """
        config, everyone = self.config, as_likes(likes)
        people, size = everyone.shape
        self.weights = np.zeros((size, size), np.float32)
        counts, facts = everyone.sum(_add_counts, config.person_exponent, [((size,), np.float64), ((2,), np.float64)])
        if not counts.any():
            return self
        # The mean over all people of the weight of a person's row.
        state = (config.person_exponent, float(facts[0]) / people)
        # If all strengths are equal, the target's Gram matrix equals the input's: see _solve.
        uniform = not facts[1]
        gram = self.weights
        target = None if uniform else np.zeros_like(gram)
        for start in range(0, size, tile := max(_TILE // size, 1)):
            rows = slice(start, min(start + tile, size))
            shape = ((rows.stop - rows.start, size), np.float32)
            sums = everyone.sum(_add_gram_rows, (*state, rows), [shape] if uniform else [shape, shape])
            gram[rows] = sums[0]
            if target is not None:
                target[rows] = sums[1]
        diagonal = gram.diagonal().astype(np.float64)
        relative = (diagonal + POPULARITY_SMOOTHING) / diagonal.mean()
        ridge = config.regularization * relative**config.regularization_popularity_exponent
        ridge += config.dropout_ratio * diagonal
        self.weights = self._solve(gram, target, ridge)
        popularity = (counts + POPULARITY_SMOOTHING) / (counts.sum() / size)
        self.weights *= (popularity**config.target_popularity_exponent).astype(np.float32)
        np.fill_diagonal(self.weights, 0.0)
        return self

    def _solve(
        self, gram: NDArray[np.float32], target: NDArray[np.float32] | None, ridge: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """B, (I, I), from the Gram matrices of the input and of the target; it takes the place of ``gram``.

        With L = diag(ridge) and P = inverse(G + L): B = P T - P diag(c), c chosen so that the diagonal is
        ``diagonal_relaxation`` of its free value. For T = G, P T is I - P L and needs no product.
        """
        gram[np.diag_indices_from(gram)] += ridge.astype(np.float32)
        P = _inverse(gram)
        diagonal = P.diagonal().astype(np.float64)
        constrained = 1 - self.config.diagonal_relaxation
        if target is None:
            free = 1 - diagonal * ridge
            excess = free / diagonal * constrained
            # Only the entries off the diagonal are used; there, I - P L - P diag(c) is P times -(L + c).
            np.multiply(P, -(ridge + excess).astype(np.float32), out=P)
            return P
        tiles = [slice(start, start + _SOLVED_ROWS) for start in range(0, len(P), _SOLVED_ROWS)]
        free = np.concatenate([np.einsum("ij,ji->i", P[rows], target[:, rows]) for rows in tiles])
        excess = (free / diagonal * constrained).astype(np.float32)
        for rows in tiles:
            # The rows of B need no other rows of P, so they take their place.
            solved = P[rows] @ target
            P[rows] *= excess
            np.subtract(solved, P[rows], out=P[rows])
        return P

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I) for strengths of likes of the same shape; the people may be new."""
        return np.asarray(likes @ self.weights, np.float32)

    def dislike_penalty(self, dislikes: csr_array) -> NDArray[np.float32]:
        """Similarity of each item to what people disliked, 0 or more, shape (people, I); strengths above 0."""
        touched = np.unique(dislikes.indices)
        return np.asarray(dislikes[:, touched] @ np.maximum(self.weights[touched], 0), np.float32)

    def factorise(self, rank: int, random_state: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query factors A and item factors V, float32, shape (I, rank), with B ~ A V' (truncated SVD, split evenly).

        Columns past the rank of B are zero.
        """
        size = len(self.weights)
        A, V = np.zeros((size, rank), np.float32), np.zeros((size, rank), np.float32)
        if not size:
            return A, V
        if size <= max(2 * rank, 512):
            U, S, Vt = np.linalg.svd(self.weights.astype(np.float64))
            U, S, Vt = U[:, :rank], S[:rank], Vt[:rank]
        else:
            # Only training needs it, and it takes long to import.
            from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415

            U, S, Vt = randomized_svd(self.weights, rank, n_iter=6, random_state=random_state, flip_sign=True)
        root = np.sqrt(S)
        A[:, : len(S)], V[:, : len(S)] = U * root, Vt.T * root
        return A, V


def _add_counts(block: csr_array, person_exponent: float, sums: Sums) -> None:
    """Adds likes by item, (I,); the sum of the weights of people's rows, and the number of strengths other than 1."""
    counts, facts = sums
    counts += column_counts(block)
    facts += [(row_counts(block) ** -person_exponent).sum(), np.count_nonzero(block.data != 1)]


def _add_gram_rows(block: csr_array, state: tuple[float, float, slice], sums: Sums) -> None:
    """Adds some rows of the weighted Gram matrix of the input and, if asked for, of the target; each (rows, I)."""
    person_exponent, mean_weight, rows = state
    weight = row_counts(block) ** -person_exponent / mean_weight
    weighted = scale_rows(block, weight)[:, rows].T.tocsr()
    sums[0][...] += (weighted @ block).toarray()
    if len(sums) > 1:
        sums[1][...] += (weighted @ binarised(block)).toarray()


def _inverse(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert a symmetric positive definite matrix in place, by Cholesky."""
    if not len(matrix):
        return matrix
    # The matrix is symmetric, so its transpose is the Fortran order that LAPACK overwrites in place.
    factor, failed = lapack.spotrf(matrix.T, lower=True, overwrite_a=True, clean=False)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise np.linalg.LinAlgError("The item-item matrix is not positive definite; raise regularization.")
    inverse: NDArray[np.float32] = factor.T
    _mirror_upper(inverse)
    return inverse


def _mirror_upper(matrix: NDArray[np.float32], tile: int = 1024) -> None:
    """Copy the upper triangle onto the lower one in place, tile by tile so that no second matrix is needed."""
    size = len(matrix)
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        corner = np.triu(matrix[start:stop, start:stop])
        matrix[start:stop, start:stop] = corner + np.triu(corner, 1).T
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T
