"""Implicit ALS with the reference regularisation, which scales with how often a person or item occurs.

Y. Hu, Y. Koren, C. Volinsky, Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008.
S. Rendle, W. Krichene, L. Zhang, Y. Koren, Revisiting the Performance of iALS on Item Recommendation Benchmarks,
RecSys 2022, equations 3 to 5: with this regularisation ALS is competitive, with a constant one it is not. The package
``implicit`` has the constant one only; ``ConstantAls`` runs it as a baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from recommendations.algorithms.likes import Likes, Sums, as_likes
from recommendations.algorithms.sparse import binarised, column_counts
from recommendations.algorithms.threads import map_in_threads

_BLOCK = 1024
_INITIAL_SCALE = 0.1


@dataclass(frozen=True, slots=True)
class AlsConfig:
    """Hyperparameters, chosen on validation data of ML-1M: alpha_0, lambda and nu of the paper."""

    factors: int = 64
    unobserved_weight: float = 0.1
    regularization: float = 0.010
    exponent: float = 1.0
    iterations: int = 8
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.iterations < 1:
            raise ValueError("factors and iterations must be 1 or more.")
        if self.unobserved_weight < 0 or self.regularization <= 0:
            raise ValueError("unobserved_weight must be 0 or more and regularization above 0.")


class ImplicitAls:
    """Matrix factorisation. It folds people in exactly, so its only state is the item factors, float32 (I, factors)."""

    def __init__(self, config: AlsConfig | None = None) -> None:
        self.config = config or AlsConfig()
        self.item_factors: NDArray[np.float32] = np.zeros((0, self.config.factors), np.float32)

    def fit(self, likes: csr_array | Likes) -> Self:
        """Fit by alternating exact least squares on which items (columns) people (rows) liked.

        People's factors are never in memory together: each pass solves a block of people, and adds its share to the
        items' equations. Memory: (I, factors, factors) float32 for each thread.
        """
        everyone, config = as_likes(likes), self.config
        people, items = everyone.shape
        rng = np.random.default_rng(config.random_state)
        scale = _INITIAL_SCALE / np.sqrt(config.factors)
        self.item_factors = (rng.standard_normal((items, config.factors)) * scale).astype(np.float32)
        factors = config.factors
        shapes = [
            ((items, factors, factors), np.float32),
            ((items, factors), np.float32),
            ((factors, factors), np.float32),
            ((items,), np.float64),
        ]
        for _ in range(config.iterations):
            systems, right, gram, counts = everyone.sum(_add_equations, (self.item_factors, config), shapes)
            systems += config.unobserved_weight * gram
            _diagonals(systems)[...] += _ridge(config, counts, people)[:, None]
            parts = [slice(start, start + _BLOCK) for start in range(0, items, _BLOCK)]
            solved = map_in_threads(partial(_solved, systems, right), parts)
            self.item_factors = np.concatenate([np.zeros((0, factors), np.float32), *solved])
        return self

    def queries(self, likes: csr_array) -> NDArray[np.float32]:
        """Factors of people from their likes, (people, I), against the fitted items: float32 (people, factors)."""
        return _person_factors(binarised(likes), self.item_factors, self.config)

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); the people may be new."""
        return np.asarray(self.queries(likes) @ self.item_factors.T, np.float32)


def _add_equations(block: csr_array, state: tuple[NDArray[np.float32], AlsConfig], sums: Sums) -> None:
    """Solves the block's people and adds their share to the items' equations.

    sums: systems (I, factors, factors), right sides (I, factors), the Gram matrix of all people (factors, factors) and
    likes by item (I,).
    """
    item_factors, config = state
    systems, right, gram, counts = sums
    likes = binarised(block)
    people = _person_factors(likes, item_factors, config)
    by_item = likes.T.tocsr()
    _add_outer_products(by_item, people, np.flatnonzero(np.diff(by_item.indptr)).tolist(), systems)
    right += by_item @ people
    gram += people.T @ people
    counts += column_counts(likes)


def _person_factors(likes: csr_array, item_factors: NDArray[np.float32], config: AlsConfig) -> NDArray[np.float32]:
    counts = np.diff(likes.indptr)
    ridge = _ridge(config, counts, len(item_factors))
    base = config.unobserved_weight * (item_factors.T @ item_factors)
    right = np.asarray(likes @ item_factors)
    solved = np.empty((len(counts), config.factors), np.float32)
    for start in range(0, len(counts), _BLOCK):
        rows = range(start, min(start + _BLOCK, len(counts)))
        systems = np.repeat(base[None], len(rows), axis=0)
        _add_outer_products(likes, item_factors, rows, systems, first=start)
        _diagonals(systems)[...] += ridge[start : rows.stop, None]
        solved[start : rows.stop] = _solved(systems, right[start : rows.stop], slice(None))
    return solved


def _add_outer_products(
    matrix: csr_array, other: NDArray[np.float32], rows: Sequence[int], systems: NDArray[np.float32], *, first: int = 0
) -> None:
    """Adds to the system of each of these rows the outer products of the factors that the row names.

    systems: (n, factors, factors), the first one of the row ``first``.
    """
    indptr, indices = matrix.indptr.tolist(), matrix.indices
    for row in rows:
        named = other[indices[indptr[row] : indptr[row + 1]]]
        systems[row - first] += named.T @ named


def _diagonals(systems: NDArray[np.float32]) -> NDArray[np.float32]:
    """The diagonals of matrices (n, k, k) as a writable view (n, k)."""
    return np.einsum("nkk->nk", systems)


def _ridge(config: AlsConfig, counts: NDArray[np.number], others: int) -> NDArray[np.float32]:
    """Of rows with this number of likes, against ``others`` on the other side; the floor keeps each system solvable."""
    ridge = config.regularization * (counts + config.unobserved_weight * others) ** config.exponent
    return np.maximum(ridge, 1e-6).astype(np.float32)


def _solved(systems: NDArray[np.float32], right: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
    """The solutions, (rows, factors), of some of many small systems."""
    solution: NDArray[np.float32] = np.linalg.solve(systems[rows], right[rows, :, None])[..., 0]
    return solution


class ConstantAls:
    """A baseline, not shipped: ALS of the package ``implicit``, the same loss with one regularisation for all."""

    def __init__(
        self, factors: int = 64, regularization: float = 0.05, alpha: float = 1.0, iterations: int = 15
    ) -> None:
        self._settings = {"factors": factors, "regularization": regularization, "alpha": alpha}
        self._iterations = iterations

    def fit(self, likes: csr_array) -> Self:
        """Fit by alternating least squares with conjugate gradients on which items (columns) people (rows) liked."""
        # Imported here: shipped code does not need it, and importing it searches for a GPU.
        from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415

        with threadpool_limits(1, "blas"):
            self._model = AlternatingLeastSquares(
                **self._settings, iterations=self._iterations, random_state=0, num_threads=1
            )
            self._model.fit(csr_matrix(binarised(likes)), show_progress=False)
        return self

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); folds the people in."""
        rows = csr_matrix(binarised(likes))
        people = self._model.recalculate_user(np.arange(rows.shape[0]), rows)
        return np.asarray(people @ self._model.item_factors.T, np.float32)
