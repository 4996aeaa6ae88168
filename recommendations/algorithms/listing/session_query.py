"""The speed layer's arithmetic: from what a person just did to a query vector, scores and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.feedback import Kind, feedback_weights

# The factors' directions that were learned from likes; those past them are for movies without any likes.
LEARNED_DIRECTIONS = 64


@dataclass(frozen=True, slots=True)
class RealtimeConfig:
    """Hyperparameters of the speed layer."""

    # Only the newest signals count: what a person did long ago is the nightly batch's business.
    signals: int = 50
    # The weight of a signal halves with every so many newer ones; by place, for clocks say little of taste. On people
    # held out for validation 5 ranks as well as 10 and 25 or better, new people and known ones alike.
    recency_half_life: float = 5.0
    # A few signals tell only the broad directions of a taste: so many of the learned ones count, the strongest first,
    # and so many more with each signal; see truncate_directions.
    directions: int = 8
    directions_a_signal: int = 2

    def __post_init__(self) -> None:
        if self.signals < 1:
            raise ValueError(f"signals must be at least 1, not {self.signals}.")
        if self.recency_half_life <= 0:
            raise ValueError(f"recency_half_life must be above 0, not {self.recency_half_life}.")
        if self.directions < 1:
            raise ValueError(f"directions must be at least 1, not {self.directions}.")
        if self.directions_a_signal < 0:
            raise ValueError(f"directions_a_signal must be 0 or more, not {self.directions_a_signal}.")


def signal_weights(kinds: Sequence[str], values: Sequence[float | None]) -> NDArray[np.float32]:
    """How much each signal speaks for (above 0) or against (below 0) its movie, from -1 to 1; shape (k,).

    kinds: rating, like, dislike, watch, view or hide. values: the ratings, 0.5 to 5; None for other kinds. They weigh
    what they weigh in the nightly model.
    """
    codes = np.array([Kind[kind.upper()] for kind in kinds], np.int8)
    return feedback_weights(codes, np.array([np.nan if value is None else value for value in values], np.float32))


def recency_weights(n: int, half_life: float) -> NDArray[np.float32]:
    """Weights of ``n`` signals, newest first, from 1 downwards; shape (n,)."""
    return np.asarray(0.5 ** (np.arange(n) / half_life), np.float32)


def query_vector(query_factors: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weighted mean of the query factors (k, d) of k signals; negative weights push away. Shape (d,).

    The mean is over the sizes of the weights, so that a dislike does not make the rest louder.
    """
    total = float(np.abs(weights).sum())
    if total == 0:
        return np.zeros(query_factors.shape[1], np.float32)
    return np.asarray(weights @ query_factors / total, np.float32)


def truncate_directions(query: NDArray[np.float32], signals: int, config: RealtimeConfig) -> NDArray[np.float32]:
    """The query vector (d,) made of so many signals, without the directions that so few cannot tell; shape (d,).

    The learned directions stand in the order of their strength. nDCG@10 after 1 / 3 / 5 / 10 / 20 likes, on people of
    ML-1M held out for validation: .398 / .398 / .410 / .415 / .384, and .393 / .393 / .406 / .413 / .383 with all 64.
    """
    told = config.directions + config.directions_a_signal * signals
    kept = query.copy()
    kept[told:LEARNED_DIRECTIONS] = 0
    return kept


def top_contributions(
    query_factors: NDArray[np.float32], weights: NDArray[np.float32], item_factors: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each item, which signal speaks for it most, and how much of all that speaks for it this is.

    query_factors (k, d), weights (k,) of the signals; item_factors (n, d). Returns positions into the signals and
    shares from 0 to 1, each of shape (n,); position -1 with share 0 where nothing speaks for the item.
    """
    n = len(item_factors)
    if not len(weights) or not n:
        return np.full(n, -1, np.int64), np.zeros(n, np.float32)
    support = np.clip((weights[:, None] * query_factors) @ item_factors.T, 0, None)
    total = support.sum(axis=0)
    strongest = support.argmax(axis=0).astype(np.int64)
    most = support[strongest, np.arange(n)]
    share = np.divide(most, total, out=np.zeros(n, np.float32), where=total > 0)
    return np.where(total > 0, strongest, -1), share
