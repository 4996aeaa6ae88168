"""Factors and rating rows for unrated movies: kernel ridge regression from content to the factors of rated movies.

The kernel is a weighted sum of similarities between two movies (of text, genres, year and length of the text) and of
their products. C. Saunders et al., Ridge Regression Learning Algorithm in Dual Variables, ICML 1998.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.model_files import load_arrays, save_arrays
from recommendations.algorithms.ratings.fold_in import PRECISION
from recommendations.algorithms.sparse import most_liked

_KIND = "kernel_fold_in"
# Added to a movie's likes before the logarithm, so that 0 likes do not give minus infinity.
_SMOOTHING = 5.0
# Predicted at once: a block's matrices, (movies, max_movies), take 25 MB each.
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class FoldInConfig:
    """Hyperparameters of ``FoldIn``; the defaults were chosen on validation movies of ML-1M."""

    regularization: float = 1.0
    popularity_regularization: float = 4.0
    # Of the rows that predict ratings; chosen on movies of ml-latest-small and ML-1M.
    rating_regularization: float = 3.0
    # Weights of the kernel's parts, each a similarity from 0 to 1 (texts: -1 to 1).
    text: float = 1.0
    genres: float = 0.25
    year: float = 0.25
    # The amount of text about a movie is evidence of how well known it is.
    length: float = 0.3
    text_and_genres: float = 0.5
    text_and_year: float = 0.5
    genres_and_year: float = 1.0
    all_three: float = 0.5
    # Difference in years at which the similarity of two movies' years is exp(-1/2).
    year_width: float = 15.0
    length_width: float = 0.3
    # The fit divides item factors by (likes to this power), predicts that power separately, and multiplies it back.
    likes_exponent: float = 0.25
    # A movie's weight in the fit: its likes, relative to the mean, to this power.
    evidence_exponent: float = 0.5
    # The kernel is a dense matrix with this many rows and columns; a larger catalogue keeps its most liked movies.
    max_movies: int = 6000

    def __post_init__(self) -> None:
        if min(self.regularization, self.popularity_regularization, self.rating_regularization) <= 0:
            raise ValueError("regularization must be above 0.")
        if min(self.year_width, self.length_width) <= 0:
            raise ValueError("A kernel's width must be above 0.")
        if self.max_movies < 1:
            raise ValueError(f"max_movies must be 1 or more, not {self.max_movies}.")


@dataclass(frozen=True, slots=True)
class _Features:
    """What the kernel compares, one row per movie.

    text (n, C) and genres (n, G): unit length or zero; years: (n,); lengths: (n, 3).
    """

    text: NDArray[np.float32]
    genres: NDArray[np.float32]
    years: NDArray[np.float32]
    lengths: NDArray[np.float32]


class FoldIn:
    """Predicts query and item factors from content vectors, genres and years."""

    def __init__(self, config: FoldInConfig | None = None) -> None:
        self.config = config or FoldInConfig()
        self.genres: list[str] = []
        # Used for a movie without a year.
        self.median_year = 0.0
        self._known = self._features([], np.zeros((0, 0), np.float32))
        # Of the targets [query factors, scaled item factors, log likes]: their means, (2 rank + 1,), and the dual
        # weights of the residuals.
        self._means: NDArray[np.float32] = np.zeros(1, np.float32)
        self._weights: NDArray[np.float32] = np.zeros((0, 1), np.float32)
        # Of the fit: the kept rows of its arguments, and their penalties relative to the regularization.
        self._kept: tuple[NDArray[np.int64], NDArray[np.floating]] = (np.zeros(0, np.int64), np.zeros(0))
        # The average movie's row, and the dual weights of the rows' deviations from it, without its second column.
        self._ratings: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def fit(
        self,
        contents: Sequence[MovieContent],
        vectors: NDArray[np.float32],
        factors: tuple[NDArray[np.float32], NDArray[np.float32]],
        evidence: NDArray[np.floating],
    ) -> Self:
        """Learn from rated movies: contents, vectors (I, C), (query, item) factors, each (I, rank), likes (I,).

        Movies with 0 likes are left out, unless all have 0.
        Memory: four (kept movies, kept movies) matrices of float32.
        """
        most = min(int(np.count_nonzero(evidence)) or len(evidence), self.config.max_movies)
        kept = most_liked(evidence, most)
        contents, likes = [contents[row] for row in kept], np.asarray(evidence, np.float64)[kept]
        self.genres = sorted({genre for content in contents for genre in content.genres})
        years = [content.year for content in contents if content.year is not None]
        self.median_year = float(np.median(years)) if years else 0.0
        self._known = self._features(contents, vectors[kept])
        kernel = self._kernel(self._known)
        row_weight = (likes / max(likes.mean(), 1e-9)) ** self.config.evidence_exponent
        scale = (likes + _SMOOTHING) ** self.config.likes_exponent
        Y = np.hstack([factors[0][kept], factors[1][kept] / scale[:, None]])
        means = np.average(Y, axis=0, weights=np.maximum(row_weight, 1e-6))
        penalties = 1 / np.maximum(row_weight, 0.05)
        weights = _solve(kernel, self.config.regularization * penalties, Y - means)
        popularity = np.log(likes + _SMOOTHING)[:, None]
        mean_popularity = popularity.mean(axis=0)
        penalty = np.full(len(likes), self.config.popularity_regularization)
        popular = _solve(kernel, penalty, popularity - mean_popularity)
        self._means = np.concatenate([means, mean_popularity]).astype(np.float32)
        self._weights = np.hstack([weights, popular]).astype(np.float32)
        self._kept = kept, penalties
        return self

    def fit_ratings(self, rows: NDArray[np.float32], average: NDArray[np.float32]) -> Self:
        """After ``fit``, learn the rows of ``ratings.fold_in`` as well: those of the same movies, and the average's.

        rows: (I, factors + 2); average: (factors + 2,).
        """
        kept, penalties = self._kept
        deviations = np.delete(rows[kept] - average, PRECISION, axis=1)
        weights = _solve(self._kernel(self._known), self.config.rating_regularization * penalties, deviations)
        self._ratings = average.astype(np.float32), weights.astype(np.float32)
        return self

    def predict_ratings(
        self, contents: Sequence[MovieContent], vectors: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """Rows for ``ratings.fold_in`` of movies, float32 of shape (movies, factors + 2); None without fit_ratings.

        All have the precision of the average movie.
        """
        if self._ratings is None:
            return None
        average, weights = self._ratings
        deviations = self._times_kernel(contents, vectors, weights)
        rows: NDArray[np.float32] = np.insert(deviations, PRECISION, 0, axis=1) + average
        return rows

    def predict(
        self, contents: Sequence[MovieContent], vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query and item factors of movies, each float32 of shape (movies, rank)."""
        predicted = self._times_kernel(contents, vectors, self._weights) + self._means
        rank = (predicted.shape[1] - 1) // 2
        scale = np.exp(self.config.likes_exponent * predicted[:, -1:])
        return predicted[:, :rank], predicted[:, rank:-1] * scale

    def _times_kernel(
        self, contents: Sequence[MovieContent], vectors: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The kernel between movies and the rated ones times ``weights`` (rated, k): float32 (movies, k)."""
        out = np.zeros((len(contents), weights.shape[1]), np.float32)
        for start in range(0, len(contents), _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = self._kernel(self._features(contents[rows], vectors[rows])) @ weights
        return out

    def _features(self, contents: Sequence[MovieContent], vectors: NDArray[np.float32]) -> _Features:
        position = {genre: column for column, genre in enumerate(self.genres)}
        flags = np.zeros((len(contents), len(self.genres)), np.float32)
        for row, content in enumerate(contents):
            flags[row, [position[genre] for genre in content.genres if genre in position]] = 1
        flags /= np.sqrt(np.maximum(flags.sum(axis=1, keepdims=True), 1))
        years = [self.median_year if content.year is None else content.year for content in contents]
        lengths = [
            (float(bool(content.overview)), np.log1p(len(content.overview)) / 7, min(len(content.people), 10) / 10)
            for content in contents
        ]
        return _Features(
            np.asarray(vectors, np.float32),
            flags,
            np.array(years, np.float32),
            np.array(lengths, np.float32).reshape(len(contents), 3),
        )

    def _kernel(self, movies: _Features) -> NDArray[np.float32]:
        """The kernel between ``movies`` and the rated ones, float32, shape (movies, rated)."""
        config, known = self.config, self._known
        text = movies.text @ known.text.T
        genres = movies.genres @ known.genres.T
        year = _gaussian(movies.years[:, None], known.years[:, None], config.year_width)
        kernel = config.length * _gaussian(movies.lengths, known.lengths, config.length_width)
        # Grouped so that few matrices are in memory at once.
        kernel += year * (config.year + config.genres_and_year * genres)
        kernel += config.genres * genres
        kernel += text * (config.text + config.text_and_year * year)
        text *= genres
        kernel += text * (config.text_and_genres + config.all_three * year)
        return np.asarray(kernel, np.float32)

    def save(self, path: Path) -> None:
        """Write the regression as .npz, without pickle."""
        arrays = {
            **{name: np.array(value) for name, value in asdict(self.config).items()},
            "genre_names": np.frombuffer("\n".join(self.genres).encode(), np.uint8),
            "usual_year": np.array(self.median_year),
            "usual": self._means,
            "weights": self._weights,
            **{f"known_{name}": value for name, value in asdict(self._known).items()},
        }
        if self._ratings is not None:
            arrays |= {"rating_average": self._ratings[0], "rating_weights": self._ratings[1]}
        save_arrays(path, _KIND, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved regression. Raises ModelFileError."""
        arrays = load_arrays(path, _KIND)
        # A file of an earlier release lacks what came later.
        names = FoldInConfig.__dataclass_fields__.keys() & arrays.keys()
        model = cls(FoldInConfig(**{name: arrays[name].item() for name in names}))
        text = arrays["genre_names"].tobytes().decode()
        model.genres = text.split("\n") if text else []
        model.median_year = arrays["usual_year"].item()
        model._means, model._weights = arrays["usual"], arrays["weights"]
        model._known = _Features(*(arrays[f"known_{name}"] for name in _Features.__dataclass_fields__))
        if "rating_weights" in arrays:
            model._ratings = arrays["rating_average"], arrays["rating_weights"]
        return model


def _gaussian(a: NDArray[np.float32], b: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """exp(-distance^2 / (2 width^2)) of each row of ``a`` (n, d) to each of ``b`` (m, d): shape (n, m)."""
    squared = np.zeros((len(a), len(b)), np.float32)
    for column in range(a.shape[1]):
        squared += (a[:, column, None] - b[None, :, column]) ** 2
    squared *= np.float32(-0.5 / width**2)
    return np.exp(squared, out=squared)


def _solve(kernel: NDArray[np.float32], penalty: NDArray[np.floating], Y: NDArray[np.floating]) -> NDArray[np.floating]:
    """(kernel + diag(penalty))^-1 Y by Cholesky; the penalty keeps the sum positive definite."""
    ridge = kernel.copy()
    ridge[np.diag_indices_from(ridge)] += penalty.astype(np.float32)
    return np.asarray(cho_solve(cho_factor(ridge, lower=True, overwrite_a=True), Y.astype(np.float32)))
