"""Implicit ALS with the reference regularisation, which scales with how often a person or item occurs.

Y. Hu, Y. Koren, C. Volinsky, Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008.
S. Rendle, W. Krichene, L. Zhang, Y. Koren, Revisiting the Performance of iALS on Item Recommendation Benchmarks,
RecSys 2022, equations 3 to 5: with this regularisation ALS is competitive, with a constant one it is not. The package
``implicit`` has the constant one only; ``ConstantAls`` runs it as a baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from recommendations.algorithms.sparse import binarised

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

    def fit(self, likes: csr_array) -> Self:
        """Fit by alternating exact least squares on which items (columns) people (rows) liked."""
        by_person = binarised(likes)
        by_item = by_person.T.tocsr()
        rng = np.random.default_rng(self.config.random_state)
        scale = _INITIAL_SCALE / np.sqrt(self.config.factors)
        shape = (likes.shape[1], self.config.factors)
        self.item_factors = (rng.standard_normal(shape) * scale).astype(np.float32)
        for _ in range(self.config.iterations):
            people = self._solve_side(by_person, self.item_factors)
            self.item_factors = self._solve_side(by_item, people)
        return self

    def person_factors(self, likes: csr_array) -> NDArray[np.float32]:
        """Factors of people from their likes, (people, I), against the fitted items: float32 (people, factors)."""
        return self._solve_side(binarised(likes), self.item_factors)

    def scores(self, likes: csr_array) -> NDArray[np.float32]:
        """float32 of shape (people, I); the people may be new."""
        return np.asarray(self.person_factors(likes) @ self.item_factors.T, np.float32)

    def _solve_side(self, rows: csr_array, other: NDArray[np.float32]) -> NDArray[np.float32]:
        config = self.config
        counts = np.diff(rows.indptr)
        ridge = config.regularization * (counts + config.unobserved_weight * len(other)) ** config.exponent
        # Keeps the system solvable for an item without likes in an empty catalogue.
        ridge = np.maximum(ridge, 1e-6)
        base = config.unobserved_weight * (other.T @ other)
        right = np.asarray(rows @ other)
        solved = np.empty((len(counts), config.factors), np.float32)
        for start in range(0, len(counts), _BLOCK):
            stop = min(start + _BLOCK, len(counts))
            systems = np.repeat(base[None], stop - start, axis=0)
            for place, row in enumerate(range(start, stop)):
                liked = other[rows.indices[rows.indptr[row] : rows.indptr[row + 1]]]
                systems[place] += liked.T @ liked
                systems[place].flat[:: config.factors + 1] += ridge[row]
            solved[start:stop] = np.linalg.solve(systems, right[start:stop, :, None])[..., 0]
        return solved


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
