"""The nightly ranker: an ensemble of a linear autoencoder, ALS, a spectral filter and user kNN.

Each member's scores are standardised per person over the unseen items, and added with weights that were learned
on a validation split (``recommendations.algorithms.pipeline.tune``), never on test data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.configs import formerly
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes, as_likes, like_counts
from recommendations.algorithms.rankers.als import AlsConfig, ImplicitAls
from recommendations.algorithms.rankers.base import Ranker
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.rankers.spectral_filter import SpectralConfig, SpectralFilter
from recommendations.algorithms.rankers.tail_regression import TailConfig, TailRegression
from recommendations.algorithms.rankers.user_knn import UserKNN, UserKNNConfig
from recommendations.algorithms.sparse import row_counts
from recommendations.algorithms.threads import map_in_threads
from recommendations.algorithms.top_n import top_n

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
    tail, are scored by a regression on what the autoencoder knows (``TailRegression``), and by the other members.
    """

    def __init__(self, config: EnsembleConfig | None = None) -> None:
        self.config = config or EnsembleConfig()
        self.item_count = 0
        # Positions of the liked items, ascending: those in the autoencoder's matrix, (K,), and the others, (T,).
        self.head_items: NDArray[np.int64] = np.zeros(0, np.int64)
        self.tail_items: NDArray[np.int64] = np.zeros(0, np.int64)
        self.autoencoder = LinearAutoencoder(self.config.autoencoder)
        self._tail = TailRegression(self.config.tail)
        self._members: list[tuple[float, Ranker]] = []
        self._popularity: NDArray[np.float32] = np.zeros(0, np.float32)

    @property
    def known_items(self) -> NDArray[np.int64]:
        """Positions of all items that can be scored, ascending."""
        return np.sort(self._columns)

    @property
    def _columns(self) -> NDArray[np.int64]:
        """Positions of the items in the order of the members' columns: the head, then the tail. (K + T,)."""
        return np.concatenate([self.head_items, self.tail_items])

    def fit(self, likes: csr_array | Likes) -> Self:
        """Fit every member on the same strengths of likes, (people, I). Peak memory: see the members."""
        everyone = as_likes(likes)
        self.item_count = everyone.shape[1]
        counts = like_counts(everyone)
        self.head_items, self.tail_items = split_head(counts, self.config.max_items)
        known, head = everyone.over(self._columns), len(self.head_items)
        self._popularity = z_scores(counts[self._columns], head)
        self._members = []
        if not head:
            return self
        self._members = [
            (1.0, self.autoencoder.fit(everyone.over(self.head_items))),
            *((weight, build().fit(known)) for weight, build in self._member_builders()),
        ]
        if len(self.tail_items):
            self._tail.fit(known, self.autoencoder)
        return self

    def _member_builders(self) -> Iterator[tuple[float, Callable[[], Ranker]]]:
        """The members beside the autoencoder."""
        config = self.config
        for als in config.als if config.als_weight else ():
            yield config.als_weight, partial(ImplicitAls, als)
        if config.spectral_weight:
            yield config.spectral_weight, lambda: SpectralFilter(config.spectral)
        if config.user_knn_weight:
            yield config.user_knn_weight, lambda: UserKNN(config.user_knn, config.max_neighbours)

    def scores(self, likes: csr_array, dislikes: csr_array | None = None) -> NDArray[np.float32]:
        """float32 of shape (people, I) from strengths of liked and disliked items, both (people, I), above 0.

        A dislike lowers similar items and raises none. Unknown items score -inf.
        """
        full = np.full((likes.shape[0], self.item_count), -np.inf, np.float32)
        if len(self.head_items):
            full[:, self._columns] = self._scores(likes, dislikes)
        return full

    def _scores(self, likes: csr_array, dislikes: csr_array | None) -> NDArray[np.float32]:
        """The same of the items in ``_columns`` alone, (people, K + T)."""
        head = len(self.head_items)
        known = likes[:, self._columns]
        prior = (self.config.popularity_prior / row_counts(known) ** 2).astype(np.float32)
        total = prior[:, None] * self._popularity
        for place, (weight, member) in enumerate(self._members):
            part = self._autoencoder_scores(known) if place == 0 else member.scores(known)
            deviation = standardise(part, known, head)
            part *= np.float32(weight)
            total += part
            if place == 0 and dislikes is not None and dislikes.nnz:
                penalty = self.autoencoder.dislike_penalty(dislikes[:, self.head_items])
                total[:, :head] -= self.config.dislike_strength * penalty / deviation
        return total

    def _autoencoder_scores(self, known: csr_array) -> NDArray[np.float32]:
        """Of the head by the autoencoder, of the tail by the regression; (people, K + T)."""
        if not len(self.tail_items):
            return self.autoencoder.scores(known)
        likes = known[:, : len(self.head_items)]
        return np.hstack([self.autoencoder.scores(likes), self._tail.scores(likes)])

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
        columns = self._columns
        if len(columns) and width:
            scores = self._scores(likes, dislikes)
            if candidates is not None:
                scores[:, ~candidates[columns]] = -np.inf
            scores[seen[:, columns].nonzero()] = -np.inf
            places, best = top_n(scores, width)
            values[:, : best.shape[1]] = best
            positions[:, : best.shape[1]] = np.where(places >= 0, columns[places], -1)
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
        everyone = np.arange(len(interactions.user_ids)) if users is None else users
        likes, dislikes, seen = interactions.likes(), interactions.dislikes(), interactions.seen()
        step = block or max(min(_BLOCK, _BLOCK_SCORES // max(len(self._columns), 1)), 1)

        def ranked(start: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
            rows = everyone[start : start + step]
            return rows, *self.rank(likes[rows], dislikes[rows], seen[rows], n, candidates)

        return map_in_threads(ranked, range(0, len(everyone), step))


def split_head(counts: NDArray[np.float64], max_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the ``max_items`` most liked items, and of the other liked ones, both ascending."""
    liked = np.flatnonzero(counts)
    if len(liked) <= max_items:
        return liked, liked[:0]
    order = np.lexsort((liked, -counts[liked]))
    return np.sort(liked[order[:max_items]]), np.sort(liked[order[max_items:]])


def z_scores(values: NDArray[np.float64], head: int | None = None) -> NDArray[np.float32]:
    """Distance of each value from the mean of the first ``head``, in their standard deviations; all by default."""
    if not len(values):
        return values.astype(np.float32)
    first = values[:head]
    return ((values - first.mean()) / (first.std() + _EPSILON)).astype(np.float32)


def standardise(scores: NDArray[np.float32], seen: csr_array, head: int | None = None) -> NDArray[np.float32]:
    """Scale each row in place to mean 0 and deviation 1 over the items not in ``seen``; returns the deviations.

    head: mean and deviation are of the first ``head`` items, all by default: the scores of a long tail, which lie close
    to each other, would move them. If these items differ by rounding errors only, the row becomes 0 and its deviation
    counts as 1.
    """
    index = np.repeat(np.arange(len(scores)), np.diff(seen.indptr))
    own = seen if head is None else seen[:, :head]
    first = scores[:, :head]
    size = np.abs(first).max(axis=1, keepdims=True, initial=0.0)
    scores[index, seen.indices] = 0.0
    free = np.maximum(first.shape[1] - np.diff(own.indptr), 1)[:, None]
    mean = first.sum(axis=1, keepdims=True) / free
    variance = np.square(first).sum(axis=1, keepdims=True) / free - np.square(mean)
    deviation = np.sqrt(np.maximum(variance, 0.0))
    alike = deviation <= _ROUNDING * size
    scores -= mean
    scores[alike.ravel()] = 0.0
    deviation = np.where(alike, 1.0, deviation).astype(np.float32)
    scores /= deviation
    return deviation
