"""Surprise's SVD and SVD++ as rating predictors, over arrays.

S. Funk, Netflix update: try this at home, 2006 (SVD). Y. Koren, Factorization meets the neighborhood, KDD 2008
(SVD++, which adds the set of items that a person has rated). N. Hug, Surprise: a Python library for recommender
systems, JOSS 2020.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from surprise import SVD, SVDpp, Trainset

from recommendations.algorithms.ratings.base import Floats, OnShare, Positions, RatingModel, Ratings, score_rows

_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class SurpriseSvdConfig:
    """Hyperparameters of ``SurpriseSvd``; the defaults are Surprise's own, as in the published rows."""

    factors: int = 100
    epochs: int = 20
    learning_rate: float = 0.005
    regularization: float = 0.02
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.epochs < 1:
            raise ValueError("factors and epochs must be 1 or more.")
        if self.learning_rate <= 0 or self.regularization < 0:
            raise ValueError("learning_rate must be above 0 and regularization 0 or more.")


@dataclass(frozen=True, slots=True)
class SurpriseSvdppConfig(SurpriseSvdConfig):
    """Hyperparameters of ``SurpriseSvdpp``."""

    factors: int = 20
    learning_rate: float = 0.007


class _ArrayTrainset(Trainset):
    """Surprise's trainset over arrays: what its SVDs read, without a dictionary or a tuple for each rating.

    Inner ids are the positions.
    """

    def __init__(self, ratings: Ratings) -> None:
        super().__init__({}, {}, *ratings.shape, len(ratings), ratings.scale, {}, {})
        self._ratings = ratings
        self._global_mean = float(np.mean(ratings.values, dtype=np.float64))

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """(person, item, rating) in the order of the arrays."""
        columns = (self._ratings.users, self._ratings.items, self._ratings.values)
        for start in range(0, self.n_ratings, _BLOCK):
            yield from zip(*(column[start : start + _BLOCK].tolist() for column in columns), strict=True)

    def index_by_person(self) -> None:
        """Build ``ur``, each person's (item, rating) pairs, which SVD++ needs and SVD does not."""
        self.ur: dict[int, list[tuple[int, float]]] = {user: [] for user in range(self.n_users)}
        for user, item, rating in self.all_ratings():
            self.ur[user].append((item, rating))


class _SurpriseModel(RatingModel):
    """A rating is mean + b_u + b_i + p_u . q_i; the subclass fits the numbers."""

    config: SurpriseSvdConfig

    def __init__(self) -> None:
        super().__init__()
        # float32, shapes (U, factors + 1) and (I, factors + 1), the offset b in the last column.
        self.vectors: tuple[Floats, Floats] = (np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))

    def _learn(self, ratings: Ratings, on_share: OnShare) -> None:
        on_share(0.0)
        people, movies = self._fitted(_ArrayTrainset(ratings))
        self.vectors = (people.astype(np.float32), movies.astype(np.float32))
        on_share(1.0)

    @abstractmethod
    def _fitted(self, trainset: _ArrayTrainset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fit and return both sides' vectors."""

    def _score(self, users: Positions, items: Positions) -> Floats:
        score: Floats = np.float32(self.means.mean) + score_rows(self.vectors[0][users], self.vectors[1][items])
        return score

    def _state(self) -> dict[str, NDArray]:
        return {"people": self.vectors[0], "movies": self.vectors[1]}

    def _restore(self, arrays: Mapping[str, NDArray]) -> None:
        self.vectors = (arrays["people"], arrays["movies"])

    def _options(self) -> dict[str, Any]:
        """Arguments of both of Surprise's classes."""
        return {
            "n_factors": self.config.factors,
            "n_epochs": self.config.epochs,
            "lr_all": self.config.learning_rate,
            "reg_all": self.config.regularization,
            "random_state": self.config.random_state,
        }


class SurpriseSvd(_SurpriseModel):
    """Funk's matrix factorisation by stochastic gradient descent."""

    KIND = "surprise_svd"

    def __init__(self, config: SurpriseSvdConfig | None = None) -> None:
        super().__init__()
        self.config = config or SurpriseSvdConfig()

    def _fitted(self, trainset: _ArrayTrainset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        svd = SVD(**self._options()).fit(trainset)
        return np.column_stack([svd.pu, svd.bu]), np.column_stack([svd.qi, svd.bi])

    @classmethod
    def from_vectors(cls, config: SurpriseSvdConfig, fitted: RatingModel, vectors: tuple[Floats, Floats]) -> Self:
        """Build a model from fitted vectors, on the data of ``fitted``."""
        model = cls(config)
        model.scale, model._means, model.vectors = fitted.scale, fitted.means, vectors
        return model

    @classmethod
    def _settings(cls, stored: dict[str, Any]) -> dict[str, Any]:
        return {"config": SurpriseSvdConfig(**stored)}


class SurpriseSvdpp(_SurpriseModel):
    """SVD that adds to each person's vector which items they have rated. An epoch costs as much as twenty of SVD's."""

    KIND = "surprise_svdpp"

    def __init__(self, config: SurpriseSvdppConfig | None = None) -> None:
        super().__init__()
        self.config = config or SurpriseSvdppConfig()

    def _fitted(self, trainset: _ArrayTrainset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        trainset.index_by_person()
        svd = SVDpp(**self._options(), cache_ratings=True).fit(trainset)
        people = np.array(svd.pu)
        for user, rated in trainset.ur.items():
            if rated:
                implied = svd.yj[[item for item, _ in rated]]
                people[user] += implied.sum(axis=0) / np.sqrt(len(rated))
        return np.column_stack([people, svd.bu]), np.column_stack([svd.qi, svd.bi])

    @classmethod
    def _settings(cls, stored: dict[str, Any]) -> dict[str, Any]:
        return {"config": SurpriseSvdppConfig(**stored)}
