"""The nightly ranker: an ensemble of a linear autoencoder, ALS, a spectral filter and user kNN.

Each member's scores are standardised per person over the unseen items, and added with weights that were learned
on a validation split (``recommendations.algorithms.pipeline.tune``), never on test data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.configs import formerly
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.als import AlsConfig, ImplicitAls
from recommendations.algorithms.rankers.base import Ranker
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.rankers.spectral_filter import SpectralConfig, SpectralFilter
from recommendations.algorithms.rankers.user_knn import UserKNN, UserKNNConfig
from recommendations.algorithms.sparse import column_counts, row_counts
from recommendations.algorithms.top_n import top_n

logger = logging.getLogger(__name__)

_EPSILON = 1e-9
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
    # The autoencoder's matrix is dense, (items)^2 floats: a larger catalogue keeps its most liked items.
    max_items: int = 20_000
    # User kNN compares everyone with everyone: with more people it is left out.
    max_people_compared: int = 25_000

    def __post_init__(self) -> None:
        for name in ("als_weight", "spectral_weight", "user_knn_weight", "dislike_strength", "popularity_prior"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        if self.max_items < 1:
            raise ValueError(f"max_items must be 1 or more, not {self.max_items}.")


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
    """Ranks items for people, fitted or new."""

    def __init__(self, config: EnsembleConfig | None = None) -> None:
        self.config = config or EnsembleConfig()
        self.item_count = 0
        # Positions of the items that the members were fitted on, ascending, shape (K,).
        self.known_items: NDArray[np.int64] = np.zeros(0, np.int64)
        self.autoencoder = LinearAutoencoder(self.config.autoencoder)
        self._members: list[tuple[float, Ranker]] = []
        self._popularity: NDArray[np.float32] = np.zeros(0, np.float32)

    def fit(self, likes: csr_array) -> Self:
        """Fit every member on the same strengths of likes, (people, I); peak memory (known items)^2 x 12 bytes."""
        self.item_count = likes.shape[1]
        self.known_items = most_liked_items(likes, self.config.max_items)
        known = likes[:, self.known_items]
        self._popularity = z_scores(column_counts(known))
        self._members = []
        if not len(self.known_items):
            return self
        self._members = [(weight, build().fit(known)) for weight, build in self._member_builders(likes.shape[0])]
        return self

    def _member_builders(self, people: int) -> Iterator[tuple[float, Callable[[], Ranker]]]:
        config = self.config
        yield 1.0, lambda: self.autoencoder
        for als in config.als if config.als_weight else ():
            yield config.als_weight, partial(ImplicitAls, als)
        if config.spectral_weight:
            yield config.spectral_weight, lambda: SpectralFilter(config.spectral)
        if config.user_knn_weight and people <= config.max_people_compared:
            yield config.user_knn_weight, lambda: UserKNN(config.user_knn)
        elif config.user_knn_weight:
            logger.warning("%d people are too many to compare with each other; user kNN is left out.", people)

    def scores(self, likes: csr_array, dislikes: csr_array | None = None) -> NDArray[np.float32]:
        """float32 of shape (people, I) from strengths of liked and disliked items, both (people, I), above 0.

        A dislike lowers similar items and raises none. Unknown items score -inf.
        """
        known = likes[:, self.known_items]
        prior = (self.config.popularity_prior / row_counts(known) ** 2).astype(np.float32)
        total = prior[:, None] * self._popularity
        if not len(self.known_items):
            return np.full((likes.shape[0], self.item_count), -np.inf, np.float32)
        for place, (weight, member) in enumerate(self._members):
            part = member.scores(known)
            deviation = standardise(part, known)
            part *= np.float32(weight)
            total += part
            if place == 0 and dislikes is not None and dislikes.nnz:
                dislike_penalty = self.autoencoder.dislike_penalty(dislikes[:, self.known_items])
                total -= self.config.dislike_strength * dislike_penalty / deviation
        full = np.full((likes.shape[0], self.item_count), -np.inf, np.float32)
        full[:, self.known_items] = total
        return full

    def recommend(
        self,
        interactions: Interactions,
        n: int,
        *,
        candidates: NDArray[np.bool_] | None = None,
        users: NDArray[np.int64] | None = None,
        block: int = 1024,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]:
        """Lists of ``n`` for people, in blocks: (user positions, item positions, scores).

        interactions: over the same items as in ``fit``; excluded pairs are left out.
        candidates: which items may be recommended, shape (I,); users: positions of the people, all by default.
        A list with fewer than n items is padded with positions of -1. Memory: ``block`` x I x 16 bytes.
        """
        everyone = np.arange(len(interactions.user_ids)) if users is None else users
        likes, dislikes, seen = interactions.likes(), interactions.dislikes(), interactions.seen()
        for start in range(0, len(everyone), block):
            rows = everyone[start : start + block]
            scores = self.scores(likes[rows], dislikes[rows])
            if candidates is not None:
                scores[:, ~candidates] = -np.inf
            scores[seen[rows].nonzero()] = -np.inf
            positions, values = top_n(scores, n)
            yield rows, positions, values


def most_liked_items(likes: csr_array, max_items: int) -> NDArray[np.int64]:
    """Positions of the liked items, ascending; the ``max_items`` most liked if there are more."""
    liked_by = likes.count_nonzero(axis=0)
    liked = np.flatnonzero(liked_by)
    if len(liked) <= max_items:
        return liked
    logger.warning("The catalogue has %d liked items; the ranker keeps the %d most liked.", len(liked), max_items)
    order = np.lexsort((liked, -liked_by[liked]))
    return np.sort(liked[order[:max_items]])


def z_scores(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance of each value from the mean in standard deviations, in the shape of ``values``."""
    if not len(values):
        return values.astype(np.float32)
    return ((values - values.mean()) / (values.std() + _EPSILON)).astype(np.float32)


def standardise(scores: NDArray[np.float32], seen: csr_array) -> NDArray[np.float32]:
    """Scale each row in place to mean 0 and deviation 1 over the items not in ``seen``; returns the deviations.

    If the unseen items differ by rounding errors only, the row becomes 0 and its deviation counts as 1.
    """
    size = np.abs(scores).max(axis=1, keepdims=True, initial=0.0)
    index = np.repeat(np.arange(len(scores)), np.diff(seen.indptr))
    scores[index, seen.indices] = 0.0
    free = np.maximum(scores.shape[1] - np.diff(seen.indptr), 1)[:, None]
    mean = scores.sum(axis=1, keepdims=True) / free
    variance = np.square(scores).sum(axis=1, keepdims=True) / free - np.square(mean)
    deviation = np.sqrt(np.maximum(variance, 0.0))
    alike = deviation <= _ROUNDING * size
    scores -= mean
    scores[alike.ravel()] = 0.0
    deviation = np.where(alike, 1.0, deviation).astype(np.float32)
    scores /= deviation
    return deviation
