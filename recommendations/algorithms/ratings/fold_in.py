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

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.people import BLOCK_PEOPLE, draw_people, people_blocks
from recommendations.algorithms.ratings.base import Floats, Ratings
from recommendations.algorithms.ratings.reading import BLOCK_ROWS
from recommendations.algorithms.threads import map_in_threads

Doubles = NDArray[np.float64]
# Returns the ratings of all people in blocks, each over the same items, with people of its own from 0.
Everybody = Callable[[], Iterable[Ratings]]
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
    # The last ones, after those over a sample.
    sweeps_of_everybody: int = 2
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.sweeps < 1:
            raise ValueError("factors and sweeps must be 1 or more.")
        if self.sweeps_of_everybody < 0:
            raise ValueError("sweeps_of_everybody must be 0 or more.")
        if self.noise_scale <= 0 or self.noise_damping < 0:
            raise ValueError("noise_scale must be above 0, noise_damping 0 or more.")
        if self.max_ratings < 1:
            raise ValueError(f"max_ratings must be 1 or more, not {self.max_ratings}.")


def fit_rating_factors(
    ratings: Ratings, config: RatingFactorsConfig | None = None, everybody: Everybody | None = None
) -> Floats:
    """One row for each item and a last one for the average item, float32, shape (I + 1, factors + 2).

    A row is the level, the precision of a rating as evidence, and the loadings. An item that nobody rated has the
    average item's. everybody: where ``ratings`` are those of a sample of people, the ratings of all; the last sweeps
    read these, so that an item which the sample hardly rates has a row of its own. The same input gives the same rows.
    """
    config = config or RatingFactorsConfig()
    model = _Model(_with_average(_sampled(ratings, config)), config)
    for _ in range(config.sweeps):
        model.sweep()
    if everybody is not None:
        for _ in range(config.sweeps_of_everybody):
            model.sweep(_with_average(block) for block in everybody())
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


def fold_in_people(rows: Floats, ratings: Ratings) -> Floats:
    """As ``fold_in`` for each of the U people of ``ratings``, float32, shape (U, factors)."""
    rated, values = _matrices(ratings, len(rows))
    loadings, precision = rows[:, LOADINGS:].astype(np.float64), rows[:, PRECISION].astype(np.float64)
    weighted = loadings * precision[:, None]
    k = loadings.shape[1]
    gram = (rated @ np.einsum("ij,ik->ijk", weighted, loadings).reshape(-1, k * k)).reshape(-1, k, k)
    gram += np.eye(k)
    target = values @ weighted - rated @ (rows[:, LEVEL, None] * weighted)
    people: Floats = np.linalg.solve(gram, target[..., None])[..., 0].astype(np.float32)
    return people


def predict_rows(rows: Floats, person: Floats) -> Floats:
    """What the person would give each of n movies, float32, shape (n,), unclipped; NaN where a row is NaN."""
    result: Floats = rows[:, LEVEL] + rows[:, LOADINGS:] @ person
    return result


def _sampled(ratings: Ratings, config: RatingFactorsConfig) -> Ratings:
    """All ratings of random people, at most max_ratings of them, if there are more."""
    if len(ratings) <= config.max_ratings:
        return ratings
    counts = np.bincount(ratings.users, minlength=ratings.shape[0])
    kept = draw_people(counts, config.max_ratings, config.random_state)[ratings.users]
    return Ratings(ratings.users[kept], ratings.items[kept], ratings.values[kept], ratings.shape)


def _with_average(ratings: Ratings) -> Ratings:
    """The same with one more item, which nobody rated."""
    people, items = ratings.shape
    return Ratings(ratings.users, ratings.items, ratings.values, (people, items + 1))


def _matrices(ratings: Ratings, items: int) -> tuple[csr_array, csr_array]:
    """Who rated what, as ones, and the ratings, float64 csr (U, items)."""
    shape, pairs = (ratings.shape[0], items), (ratings.users, ratings.items)
    values = csr_array((ratings.values.astype(np.float64), pairs), shape=shape)
    return csr_array((np.ones(len(values.data)), values.indices, values.indptr), shape=shape), values


def _blocks_of_people(ratings: Ratings) -> Iterator[Ratings]:
    """All of a few ratings; many of them in blocks, each of some people from 0."""
    if len(ratings) <= BLOCK_ROWS and ratings.shape[0] <= BLOCK_PEOPLE:
        yield ratings
        return
    order = np.argsort(ratings.users, kind="stable")
    edges = np.searchsorted(ratings.users, np.arange(ratings.shape[0] + 1), sorter=order)
    for start, stop in people_blocks(edges, BLOCK_ROWS):
        rows = order[edges[start] : edges[stop]]
        users = ratings.users[rows] - np.int32(start)
        yield Ratings(users, ratings.items[rows], ratings.values[rows], (stop - start, ratings.shape[1]))


class _Sums:
    """What the items are estimated from, summed over people: memory follows the items.

    counts, squares: ratings of each item and their squares, (I,); gram, target: of the design, (I, d, d) and (I, d);
    moments: of the people's vectors, (d - 1, d - 1).
    """

    def __init__(self, items: int, d: int) -> None:
        self.counts, self.squares = np.zeros(items), np.zeros(items)
        self.gram, self.target = np.zeros((items, d * d)), np.zeros((items, d))
        self.moments, self.people = np.zeros((d - 1, d - 1)), 0

    def add(self, rated: csr_array, values: csr_array, people: Doubles, spread: Doubles) -> None:
        """Add a block of people with the means and covariances of their vectors."""
        design = np.column_stack([np.ones(len(people)), people])
        second = _outer(design)
        second[:, 1:, 1:] += spread
        self.gram += rated.T @ second.reshape(len(people), -1)
        self.target += values.T @ design
        self.counts += np.bincount(rated.indices, minlength=len(self.counts))
        self.squares += np.bincount(values.indices, values.data**2, len(self.squares))
        self.moments += people.T @ people + spread.sum(axis=0)
        self.people += len(people)


class _Model:
    """The state of the fit. d = factors + 1: the level, then the loadings.

    mean, covariance: of each item's level and loadings, (I, d) and (I, d, d); noise: (I,); prior_mean, prior: of all
    items, (d,) and (d, d).
    """

    def __init__(self, ratings: Ratings, config: RatingFactorsConfig) -> None:
        self._config = config
        items, d = ratings.shape[1], config.factors + 1
        self._blocks = list(_blocks_of_people(ratings))
        values = ratings.values.astype(np.float64)
        counts = np.bincount(ratings.items, minlength=items)
        average = values.mean()
        rng = np.random.default_rng(config.random_state)
        self.mean = 0.1 * rng.standard_normal((items, d))
        deviations = np.bincount(ratings.items, values - average, items)
        self.mean[:, 0] = average + deviations / (counts + 5)
        self.mean[:, 1] = 0.4
        self.covariance = np.zeros((items, d, d))
        self.noise = np.full(items, max(float(values.var()), _MIN_VARIANCE))
        self.prior_mean, self.prior = self.mean.mean(axis=0), 0.05 * np.eye(d)

    def sweep(self, blocks: Iterable[Ratings] | None = None) -> None:
        """Estimate all people given the items, then the items given the people, then the items' prior.

        blocks: of people, instead of those whom the model was made with.
        """
        sums = _Sums(*self.mean.shape)
        evidence = self._evidence()
        for block in map_in_threads(
            lambda block: self._people(block, evidence), self._blocks if blocks is None else blocks
        ):
            sums.add(*block)
        self._fit_items(sums)
        rated_items = sums.counts > 0
        self.prior_mean = self.mean[rated_items].mean(axis=0)
        deviation = self.mean[rated_items] - self.prior_mean
        self.prior = (deviation.T @ deviation + self.covariance[rated_items].sum(axis=0)) / rated_items.sum()
        self.prior.flat[:: len(self.prior) + 1] += 1e-6
        self._standardise(sums)

    def _evidence(self) -> tuple[Doubles, Doubles, Doubles]:
        """What a rating of each item adds to a person: precision (I, k * k), and target (I, k) by value and by one."""
        second = (_outer(self.mean) + self.covariance) / self.noise[:, None, None]
        return second[:, 1:, 1:].reshape(len(second), -1), self.mean[:, 1:] / self.noise[:, None], second[:, 1:, 0]

    def _people(
        self, ratings: Ratings, evidence: tuple[Doubles, Doubles, Doubles]
    ) -> tuple[csr_array, csr_array, Doubles, Doubles]:
        """A block's matrices, and its people's posterior means (U, factors) and covariances (U, factors, factors)."""
        k = self._config.factors
        weighted, by_value, by_one = evidence
        rated, values = _matrices(ratings, len(self.mean))
        precision = (rated @ weighted).reshape(-1, k, k) + np.eye(k)
        spread = np.linalg.inv(precision)
        return rated, values, np.einsum("uij,uj->ui", spread, values @ by_value - rated @ by_one), spread

    def _fit_items(self, sums: _Sums) -> None:
        d = self._config.factors + 1
        gram, counts = sums.gram.reshape(-1, d, d), sums.counts
        inverse = np.linalg.inv(self.prior)
        self.covariance = np.linalg.inv(gram / self.noise[:, None, None] + inverse)
        right = sums.target / self.noise[:, None] + inverse @ self.prior_mean
        self.mean = np.einsum("iab,ib->ia", self.covariance, right)
        errors = sums.squares - 2 * np.einsum("ia,ia->i", sums.target, self.mean)
        errors += np.einsum("iab,iab->i", gram, _outer(self.mean) + self.covariance)
        common = max(float(errors.sum() / counts.sum()), _MIN_VARIANCE)
        damping = self._config.noise_damping
        self.noise = np.maximum((errors + damping * common) / np.maximum(counts + damping, 1), _MIN_VARIANCE)

    def _standardise(self, sums: _Sums) -> None:
        """Give people the identity as covariance, and the items the inverse of what that takes."""
        turn = np.eye(self._config.factors + 1)
        turn[1:, 1:] = np.linalg.cholesky(sums.moments / sums.people)
        self.mean, self.prior_mean = self.mean @ turn, self.prior_mean @ turn
        self.prior = turn.T @ self.prior @ turn
        self.covariance = turn.T @ self.covariance @ turn


def _outer(rows: Doubles) -> Doubles:
    """Each row times itself: (n, d) to (n, d, d)."""
    result: Doubles = rows[:, :, None] * rows[:, None, :]
    return result
