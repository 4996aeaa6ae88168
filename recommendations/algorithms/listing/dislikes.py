"""Dislikes lower the scores of similar movies, and raise no score of another.

A dislike in the query vector would do both, because an inner product rewards what lies on the far side of a disliked
movie. So the query is made of positive signals alone, and dislikes become penalties after the sources are blended: they
lower movies of the nightly list and popular movies too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import RankedList
from recommendations.algorithms.listing.session_query import (
    FEW_SHOT_DIMENSIONS,
    LEARNED_DIRECTIONS,
    UserProfile,
)

# The order of summation changes the last bits of a sum; rounding keeps equal scores equal.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class DislikeConfig:
    """Hyperparameters, chosen on people held out for validation on three data sets (docs/evaluation.md)."""

    # What a dislike of the newest age subtracts from the score, 0 to 1, of a movie as good as identical.
    strength: float = 1.0
    # The cosine of two movies' factors from which they count as similar.
    threshold: float = 0.3

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be 0 or more, not {self.strength}.")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must be from 0 to below 1, not {self.threshold}.")


def dislike_penalties(
    profile: UserProfile, item_factors: NDArray[np.float32], config: DislikeConfig
) -> NDArray[np.float64]:
    """What the profile's dislikes subtract from the scores of n movies, 0 or more, float64 (n,).

    item_factors: of the movies, (n, d), zeros without factors. Of several dislikes the nearest counts. What a movie has
    in common with something liked is deducted, because people dislike movies of the kinds that they watch.
    """
    disliked = profile.weights < 0
    if not disliked.any() or not config.strength or not len(item_factors):
        return np.zeros(len(item_factors))
    excess = np.clip(_similarities(profile, item_factors) - config.threshold, 0, None) / (1 - config.threshold)
    nearness = np.abs(profile.weights)[:, None] * excess
    to_liked = nearness[~disliked].max(axis=0, initial=0.0)
    to_disliked = nearness[disliked].max(axis=0)
    return np.asarray(config.strength * np.clip(to_disliked - to_liked, 0, None), np.float64)


def _similarities(profile: UserProfile, item_factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines of the movies of k signals with n movies, (k, n).

    Movies with likes are compared by their item factors. A movie without likes has item factors in other dimensions,
    which only the query factors of a movie with likes fill. What movies lead to says nothing about their kind, so the
    next-item part of joined factors does not count.
    """
    learned, predicted = slice(0, LEARNED_DIRECTIONS), slice(LEARNED_DIRECTIONS, FEW_SHOT_DIMENSIONS)
    candidates = _unit_rows(item_factors[:, :FEW_SHOT_DIMENSIONS])
    by_likes = _unit_rows(profile.item_factors[:, learned]) @ candidates[:, learned].T
    by_content = _unit_rows(profile.query_factors[:, predicted]) @ candidates[:, predicted].T
    return np.asarray(by_likes + by_content, np.float32)


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows, (n, d), with norm 1; rows of zeros stay."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0), np.float32)


def subtract_penalties(ranked: RankedList, penalties: NDArray[np.float64]) -> RankedList:
    """Rank again with the penalties, (n,) in the list's order, subtracted from the scores; shares stay.

    If a score falls below 0, all scores are scaled to [0, 1], so that a disliked movie stays below a neutral one.
    """
    if not penalties.any():
        return ranked
    scores = ranked.scores - penalties
    low = min(0.0, float(scores.min()))
    scores = np.round((scores - low) / (1 - low), _DECIMALS)
    order = np.lexsort((ranked.item_ids, -scores))
    return RankedList(ranked.item_ids[order], scores[order], ranked.shares[order])
