"""Predicted ratings for anybody, from a few ratings and one small row for each movie.

A rating of person u for item i is level_i + loadings_i . z_u + noise_i, with z_u standard normal. Level and loadings of
an item have a common Gaussian prior, so an item with few ratings is near the average item, and the prior mean of the
loadings is what a person's generosity moves. ``fit_rating_factors`` estimates all of it by variational
expectation-maximisation. ``fold_in`` then is the posterior mean of z_u given a person's ratings: ridge regression on a
few rows, in microseconds. An item's uncertainty counts as noise of its ratings.

D. Rubin and D. Thayer, EM algorithms for ML factor analysis, 1982. Y. J. Lim and Y. W. Teh, Variational Bayesian
approach to movie rating prediction, 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.ratings.base import Floats, Ratings

Doubles = NDArray[np.float64]
# Columns of a row before the loadings: level and precision.
LEVEL, PRECISION, LOADINGS = 0, 1, 2
# Keeps a variance above 0 where all ratings of the data are equal.
_MIN_VARIANCE = 1e-3


@dataclass(frozen=True, slots=True)
class RatingFactorsConfig:
    """Hyperparameters, chosen on people of ML-1M, ML-100k and ml-latest-small who were held out for that."""

    factors: int = 8
    sweeps: int = 25
    # Ratings of one sitting share their mood: as evidence of a person, each counts as one with this much more variance.
    noise_scale: float = 2.0
    # An item's noise is damped towards the common one by this many ratings.
    noise_damping: float = 100.0
    # More ratings than these belong to a random sample of the people.
    max_ratings: int = 5_000_000
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.sweeps < 1:
            raise ValueError("factors and sweeps must be 1 or more.")
        if self.noise_scale <= 0 or self.noise_damping < 0:
            raise ValueError("noise_scale must be above 0, noise_damping 0 or more.")
        if self.max_ratings < 1:
            raise ValueError(f"max_ratings must be 1 or more, not {self.max_ratings}.")


def fit_rating_factors(ratings: Ratings, config: RatingFactorsConfig | None = None) -> Floats:
    """One row for each item and a last one for the average item, float32, shape (I + 1, factors + 2).

    A row is the level, the precision of a rating as evidence, and the loadings. An item that nobody rated has the
    average item's. The same input gives the same rows.
    """
    config = config or RatingFactorsConfig()
    people, items = ratings.shape
    ratings = _sampled(Ratings(ratings.users, ratings.items, ratings.values, (people, items + 1)), config)
    model = _Model(ratings, config)
    for _ in range(config.sweeps):
        model.sweep()
    noise = config.noise_scale * (model.noise + np.trace(model.covariance, axis1=1, axis2=2))
    return np.column_stack([model.mean[:, 0], 1 / noise, model.mean[:, 1:]]).astype(np.float32)


def fold_in(rows: Floats, values: NDArray[np.floating]) -> Floats:
    """A person's vector, float32, shape (factors,), from the rows of n movies, (n, factors + 2), and their ratings."""
    loadings, precision = rows[:, LOADINGS:], rows[:, PRECISION]
    weighted = loadings * precision[:, None]
    gram = weighted.T @ loadings
    gram.flat[:: len(gram) + 1] += 1
    person: Floats = np.linalg.solve(gram, (values - rows[:, LEVEL]) @ weighted).astype(np.float32)
    return person


def predict_rows(rows: Floats, person: Floats) -> Floats:
    """What the person would give each of n movies, float32, shape (n,), unclipped; NaN where a row is NaN."""
    result: Floats = rows[:, LEVEL] + rows[:, LOADINGS:] @ person
    return result


def _sampled(ratings: Ratings, config: RatingFactorsConfig) -> Ratings:
    """All ratings of a random sample of the people, about max_ratings of them, if there are more."""
    if len(ratings) <= config.max_ratings:
        return ratings
    share = config.max_ratings / len(ratings)
    kept = (np.random.default_rng(config.random_state).random(ratings.shape[0]) < share)[ratings.users]
    return Ratings(ratings.users[kept], ratings.items[kept], ratings.values[kept], ratings.shape)


class _Model:
    """The state of the fit. d = factors + 1: the level, then the loadings.

    mean, covariance: of each item's level and loadings, (I, d) and (I, d, d); noise: (I,); prior_mean, prior: of all
    items, (d,) and (d, d).
    """

    def __init__(self, ratings: Ratings, config: RatingFactorsConfig) -> None:
        self._config = config
        values = ratings.values.astype(np.float64)
        pairs = (ratings.users, ratings.items)
        self._rated = csr_array((np.ones(len(values)), pairs), shape=ratings.shape)
        self._values = csr_array((values, pairs), shape=ratings.shape)
        self._raters, self._values_of_items = self._rated.T.tocsr(), self._values.T.tocsr()
        self._counts = np.bincount(ratings.items, minlength=ratings.shape[1])
        self._squares = np.bincount(ratings.items, values**2, ratings.shape[1])
        items, d = ratings.shape[1], config.factors + 1
        average = values.mean()
        rng = np.random.default_rng(config.random_state)
        self.mean = 0.1 * rng.standard_normal((items, d))
        deviations = np.bincount(ratings.items, values - average, items)
        self.mean[:, 0] = average + deviations / (self._counts + 5)
        self.mean[:, 1] = 0.4
        self.covariance = np.zeros((items, d, d))
        self.noise = np.full(items, max(float(values.var()), _MIN_VARIANCE))
        self.prior_mean, self.prior = self.mean.mean(axis=0), 0.05 * np.eye(d)

    def sweep(self) -> None:
        """Estimate all people given the items, then the items given the people, then the items' prior."""
        people, spread = self._people()
        self._fit_items(people, spread)
        rated = self._counts > 0
        self.prior_mean = self.mean[rated].mean(axis=0)
        deviation = self.mean[rated] - self.prior_mean
        self.prior = (deviation.T @ deviation + self.covariance[rated].sum(axis=0)) / rated.sum()
        self.prior.flat[:: len(self.prior) + 1] += 1e-6
        self._standardise(people, spread)

    def _people(self) -> tuple[Doubles, Doubles]:
        """Posterior means and covariances of people, (U, factors) and (U, factors, factors)."""
        k = self._config.factors
        second = _outer(self.mean) + self.covariance
        weighted = second[:, 1:, 1:].reshape(-1, k * k) / self.noise[:, None]
        precision = (self._rated @ weighted).reshape(-1, k, k) + np.eye(k)
        target = self._values @ (self.mean[:, 1:] / self.noise[:, None])
        target -= self._rated @ (second[:, 1:, 0] / self.noise[:, None])
        spread = np.linalg.inv(precision)
        return np.einsum("uij,uj->ui", spread, target), spread

    def _fit_items(self, people: Doubles, spread: Doubles) -> None:
        d = self._config.factors + 1
        design = np.column_stack([np.ones(len(people)), people])
        second = _outer(design)
        second[:, 1:, 1:] += spread
        gram = (self._raters @ second.reshape(-1, d * d)).reshape(-1, d, d)
        target = self._values_of_items @ design
        inverse = np.linalg.inv(self.prior)
        self.covariance = np.linalg.inv(gram / self.noise[:, None, None] + inverse)
        right = target / self.noise[:, None] + inverse @ self.prior_mean
        self.mean = np.einsum("iab,ib->ia", self.covariance, right)
        errors = self._squares - 2 * np.einsum("ia,ia->i", target, self.mean)
        errors += np.einsum("iab,iab->i", gram, _outer(self.mean) + self.covariance)
        common = max(float(errors.sum() / self._counts.sum()), _MIN_VARIANCE)
        damping = self._config.noise_damping
        self.noise = np.maximum((errors + damping * common) / np.maximum(self._counts + damping, 1), _MIN_VARIANCE)

    def _standardise(self, people: Doubles, spread: Doubles) -> None:
        """Give people the identity as covariance, and the items the inverse of what that takes."""
        moments = (people.T @ people + spread.sum(axis=0)) / len(people)
        turn = np.eye(self._config.factors + 1)
        turn[1:, 1:] = np.linalg.cholesky(moments)
        self.mean, self.prior_mean = self.mean @ turn, self.prior_mean @ turn
        self.prior = turn.T @ self.prior @ turn
        self.covariance = turn.T @ self.covariance @ turn


def _outer(rows: Doubles) -> Doubles:
    """Each row times itself: (n, d) to (n, d, d)."""
    result: Doubles = rows[:, :, None] * rows[:, None, :]
    return result
