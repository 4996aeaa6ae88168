"""Bayesian matrix factorisation by Gibbs sampling.

A rating of person u for item i has the score p_u . q_i + b_u + b_i. The factors and the offset of a person form one
vector with a Gaussian prior whose mean is a linear function of *which* items the person rated, and likewise for items
and their raters. Every conditional is Gaussian or Wishart, so one sweep draws all people, then all items, each with
batched Cholesky factorisations.

R. Salakhutdinov and A. Mnih, Bayesian probabilistic matrix factorization using MCMC, ICML 2008. J. Simm et al., Macau:
scalable Bayesian factorization with high-dimensional side information, 2015 (the linked prior means). Y. Koren,
Factorization meets the neighborhood, KDD 2008 (who rated what as evidence). S. Rendle, L. Zhang and Y. Koren, On the
difficulty of evaluating baselines, 2019 (both together). J. Albert and S. Chib, Bayesian analysis of binary and
polychotomous response data, JASA 1993 (the ordinal probit response).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array, diags_array
from scipy.special import ndtr, ndtri

from recommendations.algorithms.ratings.base import Floats, OnShare, Positions, Ratings, score_rows

Response = Literal["gaussian", "ordinal"]
# Number of rows whose (k, k) precision matrices are in memory at once.
_ROW_BLOCK = 4096
# Number of pairs whose vectors are in memory, and in the processor's cache, at once.
_PAIR_BLOCK = 32_768


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """Hyperparameters of one Gibbs chain; the defaults were chosen on validation parts of ML-100k and ML-1M."""

    # Latent dimensions, without the offset.
    factors: int = 16
    # All sweeps, the first ones to discard, and the interval between kept ones.
    sweeps: int = 120
    burn_in: int = 30
    thin: int = 2
    # Ridge penalty of the prior mean on who rated what.
    link_regularization: float = 1.0
    # Number of most rated columns that are evidence, 0 for none; needs up to 8 x min(rows, link_columns)^2 bytes.
    link_columns: int = 6000

    def __post_init__(self) -> None:
        if self.factors < 1 or self.thin < 1 or not 0 <= self.burn_in < self.sweeps:
            raise ValueError("Need factors >= 1, thin >= 1 and 0 <= burn_in < sweeps.")
        if self.link_regularization <= 0 or self.link_columns < 0:
            raise ValueError("Need link_regularization > 0 and link_columns >= 0.")


class _Link:
    """The linear prior mean of one side's vectors, given which columns each row has rated. Has no state of a chain."""

    def __init__(self, rated: csr_array, config: ChainConfig) -> None:
        popularity = np.bincount(rated.indices, minlength=rated.shape[1])
        columns = np.sort(np.argsort(-popularity, kind="stable")[: config.link_columns])
        size = np.maximum(np.diff(rated.indptr), 1).astype(np.float32)
        self._design = (diags_array(size**-0.5) @ rated[:, columns]).tocsr()
        self._penalty = config.link_regularization
        self._dual = self._design.shape[0] <= self._design.shape[1]
        design = self._design
        gram = (design @ design.T if self._dual else design.T @ design).toarray()
        gram.flat[:: len(gram) + 1] += self._penalty
        self._inverse = _inverse(gram.astype(np.float32, copy=False))

    def sample(self, deviation: Floats, root: Floats, rng: np.random.Generator) -> Floats:
        """Draw the prior means, (n, k), given vectors minus their common mean, (n, k).

        ``root`` (k, k) turns standard normal rows into rows with the covariance of the vectors.
        The primal and the dual form draw from the same distribution; the smaller one is used.
        """
        n, columns = self._design.shape
        k = deviation.shape[1]
        prior = rng.standard_normal((columns, k), dtype=np.float32) @ root
        noise = rng.standard_normal((n, k), dtype=np.float32) @ root
        scale = np.float32(self._penalty**0.5)
        if self._dual:
            start = self._design @ (prior / scale)
            rest = deviation - start - noise
            dual: Floats = start + rest - np.float32(self._penalty) * (self._inverse @ rest)
            return dual
        weights = self._inverse @ (self._design.T @ (deviation + noise) + scale * prior)
        primal: Floats = self._design @ weights
        return primal


class _Pattern:
    """Who rated what, from one side: the columns grouped by row, and the link. The chains share it."""

    def __init__(self, rows: Positions, columns: Positions, shape: tuple[int, int], config: ChainConfig) -> None:
        self.order = np.argsort(rows, kind="stable")
        self.columns = columns[self.order]
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
        ones = np.ones(len(rows), np.float32)
        rated = csr_array((ones, (rows, columns)), shape=shape)
        self.link = _Link(rated, config) if config.link_columns else None


class _Side:
    """One side (people or items) in one chain: draws its vectors and their prior."""

    def __init__(self, pattern: _Pattern, factors: int, rng: np.random.Generator) -> None:
        self._pattern = pattern
        size = (len(pattern.starts) - 1, factors + 1)
        self.vectors: Floats = (0.1 * rng.standard_normal(size)).astype(np.float32)
        self._means = np.zeros_like(self.vectors)
        self._linked = np.zeros_like(self.vectors)
        self._precision: Floats = np.eye(factors + 1, dtype=np.float32)

    def sample_prior(self, rng: np.random.Generator) -> None:
        """Draw the common mean, the precision (Normal-Wishart) and the linked means."""
        deviation = (self.vectors - self._linked).astype(np.float64)
        n, k = deviation.shape
        strength = 2.0
        mean = deviation.mean(axis=0)
        centred = deviation - mean
        shrink = strength * n / (strength + n)
        scatter = np.eye(k) + centred.T @ centred + shrink * np.outer(mean, mean)
        precision = _wishart(k + n, np.linalg.inv(scatter), rng)
        inverse_root = np.linalg.inv(np.linalg.cholesky(precision))
        common = n * mean / (n + strength) + rng.standard_normal(k) @ inverse_root / np.sqrt(n + strength)
        root = inverse_root.astype(np.float32)
        self._precision = precision.astype(np.float32)
        if self._pattern.link is not None:
            self._linked = self._pattern.link.sample(self.vectors - common.astype(np.float32), root, rng)
        self._means = self._linked + common.astype(np.float32)

    def sample_vectors(self, other: Floats, target: Floats, noise_precision: float, rng: np.random.Generator) -> None:
        """Draw every row's vector given the other side's vectors (m, k) and targets (n,)."""
        k = other.shape[1]
        # Columns: the other side's factors, 1 for this side's bias, and a place for the target.
        padded = np.concatenate([other[:, :-1], np.ones((len(other), 2), np.float32)], axis=1)
        left = target[self._pattern.order] - other[self._pattern.columns, -1]
        for first in range(0, len(self.vectors), _ROW_BLOCK):
            last = min(first + _ROW_BLOCK, len(self.vectors))
            moments = self._moments(padded, left, first, last) * np.float32(noise_precision)
            prior = self._means[first:last] @ self._precision
            lower = np.linalg.cholesky(moments[:, :k, :k] + self._precision)
            right = (moments[:, :k, k] + prior)[..., None]
            shift = rng.standard_normal((last - first, k, 1), dtype=np.float32)
            half = np.linalg.solve(lower, right) + shift
            self.vectors[first:last] = np.linalg.solve(lower.transpose(0, 2, 1), half)[..., 0]

    def _moments(self, padded: Floats, left: Floats, first: int, last: int) -> Floats:
        """Sums of outer products of [design, target] for rows first to last, (rows, k + 1, k + 1).

        One small matrix product per row: a sparse product over the table of outer products takes four times as long.
        """
        width = padded.shape[1]
        columns, starts = self._pattern.columns, self._pattern.starts[first : last + 1].tolist()
        buffer = np.empty((int(np.max(np.diff(starts))), width), np.float32)
        moments = np.empty((last - first, width, width), np.float32)
        for row, (begin, end) in enumerate(pairwise(starts)):
            block = buffer[: end - begin]
            padded.take(columns[begin:end], axis=0, out=block, mode="clip")
            block[:, -1] = left[begin:end]
            np.matmul(block.T, block, out=moments[row])
        return moments


class _ResponseModel(Protocol):
    """Maps scores to ratings."""

    def latent(self, scores: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
        """Draw the latent targets of the scores, (n,), and return them with their precision."""
        ...

    def parameters(self) -> NDArray[np.float64]:
        """The parameters that map a score to a rating, for the kept sample."""
        ...


class _GaussianResponse:
    """Rating = mean + score + noise, with the noise's precision drawn from its Gamma."""

    def __init__(self, ratings: Floats) -> None:
        self._mean = float(np.mean(ratings, dtype=np.float64))
        self._target = (ratings - np.float32(self._mean)).astype(np.float32)

    def latent(self, scores: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
        error = (self._target - scores).astype(np.float64)
        precision = rng.gamma(1 + len(error) / 2, 1 / (1 + 0.5 * float(error @ error)))
        return self._target, precision

    def parameters(self) -> NDArray[np.float64]:
        return np.array([self._mean])


class _OrdinalResponse:
    """Rating = the level whose interval between cut points holds score + standard normal noise.

    The cut points take one Newton step (outer-product Fisher information) per sweep. With thousands of ratings their
    posterior is too narrow for a draw to make a difference.
    """

    def __init__(self, ratings: Floats, levels: Floats) -> None:
        self._level = np.searchsorted(levels, ratings)
        share = np.cumsum(np.bincount(self._level, minlength=len(levels)))[:-1] / len(ratings)
        self._cuts = 1.3 * ndtri(share)

    def latent(self, scores: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
        self._step(scores)
        below, above = self._bounds(scores)
        low, high = ndtr(below), ndtr(above)
        draw = low + rng.random(len(scores), dtype=np.float32) * (high - low)
        latent: Floats = scores + ndtri(np.clip(draw, 1e-6, 1 - 1e-6)).astype(np.float32)
        return latent, 1.0

    def parameters(self) -> NDArray[np.float64]:
        return np.array(self._cuts, np.float64)

    def _bounds(self, scores: Floats) -> tuple[Floats, Floats]:
        edges = np.concatenate([[-np.inf], self._cuts, [np.inf]]).astype(np.float32)
        return edges[self._level] - scores, edges[self._level + 1] - scores

    def _step(self, scores: Floats) -> None:
        below, above = self._bounds(scores)
        mass = np.maximum(ndtr(above) - ndtr(below), 1e-6)
        at_low, at_high = -_density(below) / mass, _density(above) / mass
        count = len(self._cuts) + 1

        def total(weights: Floats) -> NDArray[np.float64]:
            return np.bincount(self._level, weights, count).astype(np.float64)

        slope = total(at_high)[:-1] + total(at_low)[1:]
        curvature = np.diag(total(at_high**2)[:-1] + total(at_low**2)[1:] + 1.0)
        index = np.arange(count - 2)
        curvature[index, index + 1] = curvature[index + 1, index] = total(at_low * at_high)[1:-1]
        step = np.linalg.solve(curvature, slope)
        # Limits each step, and to at most half the distance to the neighbour, so that the cut points stay in order
        # even for rare levels.
        closing = np.max(-np.diff(step) / np.diff(self._cuts), initial=0.0)
        self._cuts = self._cuts + step / max(1.0, np.abs(step).max() / 0.3, closing / 0.5)


@dataclass(frozen=True, slots=True)
class Posterior:
    """Kept samples of one chain.

    users, items: float16, shapes (samples, U, factors + 1) and (samples, I, factors + 1), the offset last.
    parameters: float64, shape (samples, 1), the mean, or (samples, levels - 1), the cut points.
    levels: float32, shape (levels,), the ratings that occur; empty for the Gaussian response.
    """

    users: NDArray[np.float16]
    items: NDArray[np.float16]
    parameters: NDArray[np.float64]
    levels: Floats

    def predict(self, users: Positions, items: Positions) -> Floats:
        """The posterior mean ratings, float32, shape (n,), unclipped, for positions in range."""
        total = np.zeros(len(users), np.float64)
        for people, movies, parameters in zip(self.users, self.items, self.parameters, strict=True):
            scores = score_rows(people[users].astype(np.float32), movies[items].astype(np.float32))
            if not len(self.levels):
                total += parameters[0] + scores
                continue
            total += self.levels[0]
            for gap, cut in zip(np.diff(self.levels), parameters, strict=True):
                total += gap * ndtr(scores - np.float32(cut))
        return (total / len(self.users)).astype(np.float32)


def sample_posteriors(
    ratings: Ratings, config: ChainConfig, responses: Sequence[Response], seed: int, on_share: OnShare
) -> list[Posterior]:
    """One chain for each response, all over the same ratings; chain c is seeded by ``seed`` + c.

    on_share is called after each sweep with the share that is done, 0 to 1.
    """
    people = _Pattern(ratings.users, ratings.items, ratings.shape, config)
    movies = _Pattern(ratings.items, ratings.users, ratings.shape[::-1], config)
    posteriors = []
    for chain, response in enumerate(responses):

        def report(share: float, done: int = chain) -> None:
            on_share((done + share) / len(responses))

        rng = np.random.default_rng(seed + chain)
        sides = (_Side(people, config.factors, rng), _Side(movies, config.factors, rng))
        posteriors.append(_sample(ratings, sides, config, response=response, rng=rng, on_share=report))
    return posteriors


def _sample(
    ratings: Ratings,
    sides: tuple[_Side, _Side],
    config: ChainConfig,
    *,
    response: Response,
    rng: np.random.Generator,
    on_share: OnShare,
) -> Posterior:
    people, movies = sides
    levels = np.unique(ratings.values) if response == "ordinal" else np.empty(0, np.float32)
    model: _ResponseModel = (
        _OrdinalResponse(ratings.values, levels) if len(levels) else _GaussianResponse(ratings.values)
    )
    scores = np.zeros(len(ratings), np.float32)
    kept: list[tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.float64]]] = []
    for sweep in range(config.sweeps):
        target, precision = model.latent(scores, rng)
        people.sample_prior(rng)
        people.sample_vectors(movies.vectors, target, precision, rng)
        movies.sample_prior(rng)
        movies.sample_vectors(people.vectors, target, precision, rng)
        for start in range(0, len(ratings), _PAIR_BLOCK):
            pairs = slice(start, start + _PAIR_BLOCK)
            scores[pairs] = score_rows(people.vectors[ratings.users[pairs]], movies.vectors[ratings.items[pairs]])
        if sweep >= config.burn_in and (sweep - config.burn_in) % config.thin == 0:
            kept.append((people.vectors.astype(np.float16), movies.vectors.astype(np.float16), model.parameters()))
        on_share((sweep + 1) / config.sweeps)
    users, items, parameters = zip(*kept, strict=True)
    return Posterior(np.stack(users), np.stack(items), np.stack(parameters), levels)


def _inverse(matrix: Floats) -> Floats:
    """Invert a symmetric positive definite matrix, which is overwritten; half the work of a general inverse."""
    factor, failed = lapack.spotrf(matrix.T, lower=True, overwrite_a=True, clean=False)
    if not failed:
        inverse, failed = lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise np.linalg.LinAlgError("Who rated what is too collinear; raise link_regularization.")
    upper: Floats = np.triu(inverse.T)
    upper += np.triu(upper, 1).T
    return upper


def _density(values: Floats) -> Floats:
    """The standard normal density; zero at the infinities."""
    result: Floats = np.exp(-0.5 * np.minimum(values * values, 80)) * np.float32(0.39894228) * np.isfinite(values)
    return result


def _wishart(degrees: int, scale: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A draw from Wishart(degrees, scale), scale (k, k), by Bartlett's decomposition."""
    k = len(scale)
    lower = np.tril(rng.standard_normal((k, k)), -1)
    lower[np.diag_indices(k)] = np.sqrt(rng.chisquare(degrees - np.arange(k)))
    root = np.linalg.cholesky((scale + scale.T) / 2) @ lower
    return root @ root.T
