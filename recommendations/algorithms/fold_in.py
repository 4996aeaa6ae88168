"""Factors for movies nobody rated yet: a ridge regression from content to the factors of movies people did rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from recommendations.algorithms.content import MovieContent
from recommendations.algorithms.storage import load_arrays, save_arrays

_KIND = "fold_in"


@dataclass(frozen=True, slots=True)
class FoldInConfig:
    """Hyperparameters of ``FoldIn``."""

    regularization: float = 3.0
    # Genres are said by every data set, whatever its texts are worth: they stand beside the content vector.
    genre_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.regularization <= 0:
            raise ValueError(f"regularization must be above 0, not {self.regularization}.")


class FoldIn:
    """Predicts query and item factors from content vectors and genres."""

    def __init__(self, config: FoldInConfig | None = None) -> None:
        self.config = config or FoldInConfig()
        self.genres: list[str] = []
        self.coefficients: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(
        self,
        contents: Sequence[MovieContent],
        vectors: NDArray[np.float32],
        factors: tuple[NDArray[np.float32], NDArray[np.float32]],
        evidence: NDArray[np.floating],
    ) -> Self:
        """Learn from rated movies: contents, vectors (I, C), (query, item) factors, each (I, rank), likes (I,).

        A movie's say grows with the root of its likes: what little is known of a rare movie's factors is mostly noise.
        """
        self.genres = sorted({genre for content in contents for genre in content.genres})
        X = self._features(contents, vectors).astype(np.float64)
        Y = np.hstack(factors).astype(np.float64)
        weight = np.sqrt(evidence / max(evidence.mean(), 1e-9)) if len(evidence) else evidence
        weighted = X * weight[:, None]
        penalty = np.full(X.shape[1], self.config.regularization)
        penalty[0] = 1e-3  # The first column is the constant.
        solved = cho_solve(cho_factor(X.T @ weighted + np.diag(penalty)), weighted.T @ Y)
        self.coefficients = solved.astype(np.float32)
        return self

    def predict(
        self, contents: Sequence[MovieContent], vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query and item factors of movies, each float32 of shape (movies, rank)."""
        both = self._features(contents, vectors) @ self.coefficients
        rank = both.shape[1] // 2
        return both[:, :rank], both[:, rank:]

    def _features(self, contents: Sequence[MovieContent], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        position = {genre: column for column, genre in enumerate(self.genres)}
        flags = np.zeros((len(contents), len(self.genres)), np.float32)
        for row, content in enumerate(contents):
            flags[row, [position[genre] for genre in content.genres if genre in position]] = self.config.genre_weight
        return np.hstack([np.ones((len(contents), 1), np.float32), flags, vectors])

    def save(self, path: Path) -> None:
        """Write the regression as .npz, without pickle."""
        save_arrays(
            path,
            _KIND,
            {
                "regularization": np.array(self.config.regularization),
                "genre_weight": np.array(self.config.genre_weight),
                "genres": np.frombuffer("\n".join(self.genres).encode(), np.uint8),
                "coefficients": self.coefficients,
            },
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved regression. Raises ModelFileError."""
        arrays = load_arrays(path, _KIND)
        model = cls(FoldInConfig(arrays["regularization"].item(), arrays["genre_weight"].item()))
        text = arrays["genres"].tobytes().decode()
        model.genres = text.split("\n") if text else []
        model.coefficients = arrays["coefficients"]
        return model
