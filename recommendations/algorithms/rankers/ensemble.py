"""The nightly ranker: an ensemble of a linear autoencoder, ALS, a spectral filter and user kNN.

Each member's scores are standardised per person over the unseen items, and added with weights that were learned
on a validation split (``recommendations.algorithms.pipeline.tune``), never on test data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.configs import formerly
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes, as_likes, like_counts
from recommendations.algorithms.rankers.als import AlsConfig, ImplicitAls
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.rankers.spectral_filter import SpectralConfig, SpectralFilter
from recommendations.algorithms.rankers.tail_regression import TailConfig, TailRegression
from recommendations.algorithms.rankers.user_knn import UserKNN, UserKNNConfig
from recommendations.algorithms.sparse import most_liked, row_counts
from recommendations.algorithms.threads import map_in_threads
from recommendations.algorithms.top_n import top_n_of_two

_EPSILON = 1e-9
# People, and scores of people for items, that are in memory at a time, for each thread.
_BLOCK = 1024
_BLOCK_SCORES = 16_000_000
# float32 has seven digits, and a sum over thousands of items loses three of them.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class EnsembleConfig:
    """Hyperparameters of ``RankingEnsemble``. A member with weight 0 is neither fitted nor scored.

    The defaults were chosen on validation data cut from ML-1M's published training part.
    """

    autoencoder: LinearAutoencoderConfig = field(default_factory=LinearAutoencoderConfig)
    # Each of these factorisations has the weight ``als_weight``.
    als: tuple[AlsConfig, ...] = (AlsConfig(),)
    spectral: SpectralConfig = field(default_factory=SpectralConfig)
    user_knn: UserKNNConfig = field(default_factory=UserKNNConfig, metadata=formerly("similar_people"))
    # The autoencoder's own weight is 1.
    als_weight: float = 0.7
    spectral_weight: float = 0.2
    user_knn_weight: float = field(default=0.15, metadata=formerly("similar_people_weight"))
    # Share of the autoencoder's positive weights of a disliked item that is subtracted from the scores.
    dislike_strength: float = 0.5
    # Weight of the standardised popularity, divided by (likes of the person)^2: it dominates for people with few
    # likes and vanishes for people with many, whom it harms in validation.
    popularity_prior: float = 4.0
    # The autoencoder's matrix is dense, (items)^2 floats: it has the most liked items of a larger catalogue.
    max_items: int = 20_000
    # Of the other liked items.
    tail: TailConfig = field(default_factory=TailConfig)
    # User kNN compares people with a random sample of this number.
    max_neighbours: int = field(default=10_000, metadata=formerly("max_people_compared"))

    def __post_init__(self) -> None:
        for name in ("als_weight", "spectral_weight", "user_knn_weight", "dislike_strength", "popularity_prior"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        for name in ("max_items", "max_neighbours"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}.")

    def within(self, limits: EnsembleConfig) -> EnsembleConfig:
        """The same with the limits of ``limits``, which follow from the machine and are no choice."""
        return replace(self, max_items=limits.max_items, max_neighbours=limits.max_neighbours)


# For data in which every rating is relevant and its value only sets the strength (the published ML-100k protocol);
# chosen on validation data cut from that protocol's training parts. Strengths: 1 + RATING_STRENGTH (rating - 3.5).
EVERY_RATING = EnsembleConfig(
    autoencoder=LinearAutoencoderConfig(
        regularization=300.0,
        regularization_popularity_exponent=0.17,
        dropout_ratio=1.2,
        person_exponent=0.30,
        diagonal_relaxation=0.93,
        target_popularity_exponent=-0.09,
    ),
    als=(
        AlsConfig(factors=32, unobserved_weight=0.124, regularization=0.027, exponent=0.92),
        AlsConfig(factors=48, unobserved_weight=0.147, regularization=0.028, exponent=0.93),
        AlsConfig(factors=16, unobserved_weight=0.124, regularization=0.020, exponent=0.92),
    ),
    spectral=SpectralConfig(rank=48),
    als_weight=1.0,
    spectral_weight=0.3,
    user_knn_weight=0.0,
)
RATING_STRENGTH = 0.08


class RankingEnsemble:
    """Ranks items for people, fitted or new.

    The most liked items, the head, have the autoencoder's dense matrix. A larger catalogue's other liked items, the
    tail, are scored by the factorisations alone, with a regression in place of the autoencoder (``TailRegression``).
    """

    def __init__(self, config: EnsembleConfig | None = None) -> None:
        self.config = config or EnsembleConfig()
        self.item_count = 0
        # Positions of the liked items, ascending: those in the autoencoder's matrix, (K,), and the others, (T,).
        self.head_items: NDArray[np.int64] = np.zeros(0, np.int64)
        self.tail_items: NDArray[np.int64] = np.zeros(0, np.int64)
        self.autoencoder = LinearAutoencoder(self.config.autoencoder)
        self._tail = TailRegression(self.config.tail)
        # The other members, each with its weight.
        self._factorisations: list[tuple[float, ImplicitAls | SpectralFilter]] = []
        self._user_knn: UserKNN | None = None
        # Standardised over the head, in the order of ``_columns``.
        self._popularity: NDArray[np.float32] = np.zeros(0, np.float32)

    @property
    def known_items(self) -> NDArray[np.int64]:
        """Positions of all items that can be scored, ascending."""
        return np.sort(self._columns)

    @property
    def _columns(self) -> NDArray[np.int64]:
        """Positions of the items in the order of the scores: the head, then the tail. (K + T,)."""
        return np.concatenate([self.head_items, self.tail_items])

    def fit(self, likes: csr_array | Likes) -> Self:
        """Fit every member on the same strengths of likes, (people, I). Peak memory: see the members."""
        everyone, config = as_likes(likes), self.config
        self.item_count = everyone.shape[1]
        counts = like_counts(everyone)
        self.head_items, self.tail_items = split_head(counts, config.max_items)
        known, head = everyone.over(self._columns), everyone.over(self.head_items)
        self._popularity = z_scores(counts[self._columns], len(self.head_items))
        self._factorisations, self._user_knn = [], None
        if not len(self.head_items):
            return self
        self.autoencoder.fit(head)
        for als in config.als if config.als_weight else ():
            self._factorisations.append((config.als_weight, ImplicitAls(als).fit(known)))
        if config.spectral_weight:
            self._factorisations.append((config.spectral_weight, SpectralFilter(config.spectral).fit(known)))
        if config.user_knn_weight:
            self._user_knn = UserKNN(config.user_knn, config.max_neighbours).fit(head)
        if len(self.tail_items):
            self._tail.fit(known, self.autoencoder)
        return self

    def scores(self, likes: csr_array, dislikes: csr_array | None = None) -> NDArray[np.float32]:
        """float32 of shape (people, I) from strengths of liked and disliked items, both (people, I), above 0.

        A dislike lowers similar items and raises none. Unknown items score -inf.
        """
        full = np.full((likes.shape[0], self.item_count), -np.inf, np.float32)
        if len(self.head_items):
            full[:, self.head_items], full[:, self.tail_items] = self._scores(likes, dislikes)
        return full

    def _scores(self, likes: csr_array, dislikes: csr_array | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same of the head, (people, K), and of the tail, (people, T)."""
        known, own = likes[:, self._columns], likes[:, self.head_items]
        head = len(self.head_items)
        prior = (self.config.popularity_prior / row_counts(known) ** 2).astype(np.float32)[:, None]
        total = self.autoencoder.scores(own)
        scale = standardise(total, own)
        tail = _TailSum(len(total))
        if len(self.tail_items):
            tail.add(self._tail.queries(own), self._tail.item_factors, scale, 1.0)
        if dislikes is not None and dislikes.nnz:
            penalty = self.autoencoder.dislike_penalty(dislikes[:, self.head_items])
            penalty *= np.float32(self.config.dislike_strength) / scale.deviation
            total -= penalty
        for weight, member in self._factorisations:
            queries = member.queries(known)
            part = np.asarray(queries @ member.item_factors[:head].T, np.float32)
            scale = standardise(part, own)
            part *= np.float32(weight)
            total += part
            if len(self.tail_items):
                tail.add(queries, member.item_factors[head:], scale, weight)
        if self._user_knn is not None:
            part = self._user_knn.scores(own)
            standardise(part, own)
            part *= np.float32(self.config.user_knn_weight)
            total += part
        total += prior * self._popularity[:head]
        if not len(self.tail_items):
            return total, total[:, :0]
        return total, tail.scores() + prior * self._popularity[head:]

    def rank(
        self,
        likes: csr_array,
        dislikes: csr_array,
        seen: csr_array,
        n: int,
        candidates: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Lists of ``n`` for a block of people: item positions and scores, both (people, n), best first.

        likes, dislikes, seen: (people, I); seen pairs are left out. candidates: which items may be recommended, (I,).
        A list with fewer than n items is padded with positions of -1. Memory: people x (K + T) x 16 bytes.
        """
        width = min(n, self.item_count)
        positions = np.full((likes.shape[0], width), -1, np.int32)
        values = np.full(positions.shape, -np.inf, np.float32)
        if not len(self.head_items) or not width:
            return positions, values
        parts = self._scores(likes, dislikes)
        for scores, items in zip(parts, (self.head_items, self.tail_items), strict=True):
            if candidates is not None:
                scores[:, ~candidates[items]] = -np.inf
            scores[seen[:, items].nonzero()] = -np.inf
        places, best = top_n_of_two(*parts, width)
        values[:, : best.shape[1]] = best
        positions[:, : best.shape[1]] = np.where(places >= 0, self._columns[places], -1)
        return positions, values

    def recommend(
        self,
        interactions: Interactions,
        n: int,
        *,
        candidates: NDArray[np.bool_] | None = None,
        users: NDArray[np.int64] | None = None,
        block: int | None = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]:
        """Lists of ``n`` for people, in blocks: (user positions, item positions, scores), see ``rank``.

        interactions: over the same items as in ``fit``; users: positions of the people, all by default. block: people
        that are scored at a time, by each thread.
        """
        data = interactions.sorted()
        step = block or max(min(_BLOCK, _BLOCK_SCORES // max(self.item_count, 1)), 1)
        total = len(data.user_ids) if users is None else len(users)

        def ranked(start: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
            stop = min(start + step, total)
            rows = np.arange(start, stop) if users is None else users[start:stop]
            own = data.people(start, stop) if users is None else data.people_at(rows)
            return rows, *self.rank(own.likes(), own.dislikes(), own.seen(), n, candidates)

        return map_in_threads(ranked, range(0, total, step))


def split_head(counts: NDArray[np.float64], max_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the ``max_items`` most liked items, and of the other liked ones, both ascending."""
    liked = np.flatnonzero(counts)
    head = liked[most_liked(counts[liked], max_items)]
    return head, np.setdiff1d(liked, head, assume_unique=True)


def z_scores(values: NDArray[np.float64], head: int | None = None) -> NDArray[np.float32]:
    """Distance of each value from the mean of the first ``head``, in their standard deviations; all by default.

    If the first are all equal, in standard deviations of all.
    """
    if not len(values):
        return values.astype(np.float32)
    first = values[:head]
    return ((values - first.mean()) / ((first.std() or values.std()) + _EPSILON)).astype(np.float32)


class Scale(NamedTuple):
    """What ``standardise`` did to each row: mean and deviation, float32 (rows, 1); whether it is 0 now, (rows,)."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    flat: NDArray[np.bool_]


def standardise(scores: NDArray[np.float32], seen: csr_array) -> Scale:
    """Scale each row in place to mean 0 and deviation 1 over the items not in ``seen``.

    If the unseen items differ by rounding errors only, the row becomes 0 and its deviation counts as 1.
    """
    size = np.abs(scores).max(axis=1, keepdims=True, initial=0.0)
    counts = np.diff(seen.indptr)
    index = np.repeat(np.arange(len(scores)), counts)
    scores[index, seen.indices] = 0.0
    free = np.maximum(scores.shape[1] - counts, 1)[:, None]
    mean = (scores.sum(axis=1, keepdims=True) / free).astype(np.float32)
    scores -= mean
    # Not the mean of squares minus the squared mean: their difference is all rounding where the scores are alike.
    scores[index, seen.indices] = 0.0
    deviation = np.sqrt(np.vecdot(scores, scores)[:, None] / free).astype(np.float32)
    scores[index, seen.indices] = -mean[index, 0]
    alike = deviation <= _ROUNDING * size
    scores[alike.ravel()] = 0.0
    deviation = np.where(alike, np.float32(1), deviation)
    scores /= deviation
    return Scale(mean, deviation, alike.ravel())


class _TailSum:
    """The tail's scores by several factorisations, each on the scale that it has over the head, in one product."""

    def __init__(self, people: int) -> None:
        self._queries: list[NDArray[np.float32]] = []
        self._items: list[NDArray[np.float32]] = []
        self._shift = np.zeros((people, 1), np.float32)

    def add(self, queries: NDArray[np.float32], items: NDArray[np.float32], scale: Scale, weight: float) -> None:
        """Add weight x (queries x items' - mean) / deviation; queries (people, k), items (T, k)."""
        factor = np.where(scale.flat[:, None], np.float32(0), np.float32(weight) / scale.deviation)
        self._queries.append(queries * factor)
        self._items.append(items)
        self._shift -= scale.mean * factor

    def scores(self) -> NDArray[np.float32]:
        """float32 (people, T)."""
        product = np.hstack(self._queries) @ np.hstack(self._items).T
        product += self._shift
        return product
