"""The base of rating predictors: the ratings they read, damped means for unknown people and items, and the file.

A rating predictor predicts the rating that a person would give a movie. It is never the ranker: people do not choose
next what they would rate highest.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.model_files import load_arrays, save_arrays

Floats = NDArray[np.float32]
Positions = NDArray[np.int32]
# Called with the share of the fit that is done, 0 to 1.
OnShare = Callable[[float], None]

# Damping of each offset, in ratings, as in Surprise's baselines.
ITEM_DAMPING = 10.0
USER_DAMPING = 15.0
_PAIR_BLOCK = 65_536


class NoRatingsError(ValueError):
    """There is no rating to learn from."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """n ratings of U people for I items, at most one per pair.

    users, items: int32, shape (n,): positions; values: float32, shape (n,), finite; shape: (U, I).
    """

    users: Positions
    items: Positions
    values: Floats
    shape: tuple[int, int]

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """The entries that have a rating. Raises NoRatingsError if none has, ValueError for an infinite one."""
        rated = ~np.isnan(interactions.ratings)
        if not rated.any():
            raise NoRatingsError("There are no ratings to learn from.")
        values = interactions.ratings[rated]
        if not np.isfinite(values).all():
            raise ValueError("A rating is infinite.")
        shape = (len(interactions.user_ids), len(interactions.item_ids))
        return cls(interactions.users[rated], interactions.items[rated], values, shape)

    @property
    def scale(self) -> tuple[float, float]:
        """The lowest and the highest rating that occurs."""
        return float(self.values.min()), float(self.values.max())

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class DampedMeans:
    """The mean rating, and each person's and item's offset from it, damped towards 0 if they have few ratings.

    users (U,) and items (I,): float32 offsets, in ratings. user_counts, item_counts: int32 numbers of ratings.
    """

    mean: float
    users: Floats
    items: Floats
    user_counts: NDArray[np.int32]
    item_counts: NDArray[np.int32]

    @classmethod
    def fit(cls, ratings: Ratings) -> Self:
        """Fit items' offsets first, then people's from the residuals."""
        mean = float(np.mean(ratings.values, dtype=np.float64))
        user_counts = np.bincount(ratings.users, minlength=ratings.shape[0])
        item_counts = np.bincount(ratings.items, minlength=ratings.shape[1])
        rest = ratings.values.astype(np.float64) - mean
        items = np.bincount(ratings.items, rest, ratings.shape[1]) / (item_counts + ITEM_DAMPING)
        rest -= items[ratings.items]
        users = np.bincount(ratings.users, rest, ratings.shape[0]) / (user_counts + USER_DAMPING)
        return cls(
            mean,
            users.astype(np.float32),
            items.astype(np.float32),
            user_counts.astype(np.int32),
            item_counts.astype(np.int32),
        )


class RatingModel(ABC):
    """Fitted on ``Interactions``. People and items below are positions in its ids; any integer is allowed.

    The model does not guess for unknowns: an unknown person gets the item's damped mean, an unknown item the person's,
    and an unknown pair the mean of all ratings. Predictions stay within the ratings that occur in the data.
    """

    KIND: ClassVar[str]
    config: Any

    def __init__(self) -> None:
        self.scale = (0.0, 0.0)
        self._means: DampedMeans | None = None

    def fit(self, interactions: Interactions, on_share: OnShare | None = None) -> Self:
        """Fit the entries that have a rating. The same data and configuration give the same model.

        on_share is called several times with the share that is done, 0 to 1. Raises NoRatingsError.
        """
        return self.fit_ratings(Ratings.of(interactions), on_share)

    def fit_ratings(self, ratings: Ratings, on_share: OnShare | None = None) -> Self:
        """As ``fit``, from ``Ratings``."""
        self.scale = ratings.scale
        self._means = DampedMeans.fit(ratings)
        self._learn(ratings, on_share or (lambda share: None))
        return self

    def predict(self, users: ArrayLike, items: ArrayLike) -> Floats:
        """Ratings, float32 of shape (n,), for pairs of positions, each integers of shape (n,).

        Raises RuntimeError before ``fit``, ValueError if the two differ in length.
        """
        means = self.means
        people, movies = (np.atleast_1d(np.asarray(column, np.int64)) for column in (users, items))
        if people.shape != movies.shape or people.ndim != 1:
            raise ValueError("Pairs need as many people as items.")
        known_people, known_movies = self.known_user(people), self.known_item(movies)
        result = np.full(len(people), means.mean, np.float32)
        result[known_people] += means.users[people[known_people]]
        result[known_movies] += means.items[movies[known_movies]]
        both = np.flatnonzero(known_people & known_movies)
        for start in range(0, len(both), _PAIR_BLOCK):
            rows = both[start : start + _PAIR_BLOCK]
            result[rows] = self._score(people[rows].astype(np.int32), movies[rows].astype(np.int32))
        return np.clip(result, *self.scale).astype(np.float32)

    def known_user(self, users: ArrayLike) -> NDArray[np.bool_]:
        """Whether each person has rated anything, bool in the shape of ``users``."""
        return _occurs(users, self.means.user_counts)

    def known_item(self, items: ArrayLike) -> NDArray[np.bool_]:
        """Whether anybody has rated each item, bool in the shape of ``items``."""
        return _occurs(items, self.means.item_counts)

    @property
    def means(self) -> DampedMeans:
        """Raises RuntimeError before ``fit``."""
        if self._means is None:
            raise RuntimeError("The rating predictor is not fitted.")
        return self._means

    def save(self, path: Path) -> None:
        """Write the model as .npz, without pickle. Raises RuntimeError before ``fit``."""
        means = {f"means_{name}": np.asarray(value) for name, value in asdict(self.means).items()}
        arrays = {"config": np.array(json.dumps(asdict(self.config))), "scale": np.array(self.scale), **means}
        save_arrays(path, self.KIND, {**arrays, **self._state()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved model. Raises ModelFileError."""
        arrays = load_arrays(path, cls.KIND)
        model = cls(**cls._settings(json.loads(str(arrays["config"]))))
        low, high = arrays["scale"].tolist()
        model.scale = (low, high)
        offsets = (arrays[f"means_{name}"] for name in ("users", "items", "user_counts", "item_counts"))
        model._means = DampedMeans(float(arrays["means_mean"]), *offsets)
        model._restore(arrays)
        return model

    @abstractmethod
    def _learn(self, ratings: Ratings, on_share: OnShare) -> None:
        """Fit the part of the model beyond the damped means."""

    @abstractmethod
    def _score(self, users: Positions, items: Positions) -> Floats:
        """Predictions for pairs of known people and items; clipped by the caller."""

    @abstractmethod
    def _state(self) -> dict[str, NDArray]:
        """The arrays that ``_learn`` fitted, for the file."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray]) -> None:
        """Restore the arrays that ``_state`` returned."""

    @classmethod
    @abstractmethod
    def _settings(cls, stored: dict[str, Any]) -> dict[str, Any]:
        """Build the constructor's arguments from the configuration in JSON."""


@dataclass(frozen=True, slots=True)
class BaselineRatingsConfig:
    """The damped means have no hyperparameters."""


class BaselineRatings(RatingModel):
    """Mean + person's offset + item's offset: the baseline of every other predictor."""

    KIND = "rating_baseline"

    def __init__(self, config: BaselineRatingsConfig | None = None) -> None:
        super().__init__()
        self.config = config or BaselineRatingsConfig()

    @classmethod
    def of(cls, means: DampedMeans, scale: tuple[float, float]) -> Self:
        """Damped means that are fitted already."""
        model = cls()
        model.scale, model._means = scale, means
        return model

    def _learn(self, ratings: Ratings, on_share: OnShare) -> None:
        on_share(1.0)

    def _score(self, users: Positions, items: Positions) -> Floats:
        return np.float32(self.means.mean) + self.means.users[users] + self.means.items[items]

    def _state(self) -> dict[str, NDArray]:
        return {}

    def _restore(self, arrays: Mapping[str, NDArray]) -> None:
        pass

    @classmethod
    def _settings(cls, stored: dict[str, Any]) -> dict[str, Any]:
        return {}


def score_rows(people: Floats, movies: Floats) -> Floats:
    """p . q + b_u + b_i, float32, shape (n,), for rows whose last column is the offset b, both (n, factors + 1)."""
    result: Floats = np.einsum("ij,ij->i", people[:, :-1], movies[:, :-1]) + people[:, -1] + movies[:, -1]
    return result


def _occurs(positions: ArrayLike, counts: NDArray[np.int32]) -> NDArray[np.bool_]:
    index = np.asarray(positions, np.int64)
    inside = (index >= 0) & (index < len(counts))
    if not len(counts):
        return inside
    occurs: NDArray[np.bool_] = inside & (counts[np.where(inside, index, 0)] > 0)
    return occurs
