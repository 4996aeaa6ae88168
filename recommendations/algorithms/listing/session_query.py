"""The speed layer: builds a query vector from a person's newest signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from events.kinds import Kind
from events.weights import EventWeights
from recommendations.algorithms.feedback import FeedbackConfig, age_factors, feedback_weights

# The leading dimensions of the few-shot factors, learned from likes; the others are for movies without any likes.
LEARNED_DIRECTIONS = 64
# The width of the few-shot model's factors. In joined factors those of the next-item model follow.
FEW_SHOT_DIMENSIONS = 128
_CODES = {kind.value: kind.code for kind in Kind}


@dataclass(frozen=True, slots=True)
class RealtimeConfig:
    """Hyperparameters of the speed layer."""

    # Only the newest signals count; the nightly batch covers older ones.
    signals: int = 50
    # The weight of a signal halves with this many newer ones: by rank, because elapsed time says little about taste. On
    # people held out for validation 5 ranks at least as well as 10 and 25, for new and known people.
    recency_half_life: float = 5.0
    # A few signals determine only the strongest directions of a taste. The number of learned directions used is
    # directions + directions_per_signal x signals; see truncate_directions.
    directions: int = 8
    directions_per_signal: int = 2
    # Weight of a rating of 3; that of 3.5 lies midway between it and 1. The nightly model weighs 3 by 0.7, because with
    # hundreds of ratings to choose a movie says much. Among a few signals it says little: nDCG@10 on people held out
    # for validation rises with 0.2 on every data set (docs/evaluation.md).
    fair_rating: float = 0.2

    def __post_init__(self) -> None:
        if self.signals < 1:
            raise ValueError(f"signals must be at least 1, not {self.signals}.")
        if self.recency_half_life <= 0:
            raise ValueError(f"recency_half_life must be above 0, not {self.recency_half_life}.")
        if self.directions < 1:
            raise ValueError(f"directions must be at least 1, not {self.directions}.")
        if self.directions_per_signal < 0:
            raise ValueError(f"directions_per_signal must be 0 or more, not {self.directions_per_signal}.")
        if not 0 < self.fair_rating <= 1:
            raise ValueError(f"fair_rating must be above 0 and at most 1, not {self.fair_rating}.")


def signal_weights(
    kinds: Sequence[str],
    values: Sequence[float | None],
    config: RealtimeConfig | None = None,
    weights: EventWeights | None = None,
) -> NDArray[np.float32]:
    """The weight of each signal, -1 to 1, float32 (k,): above 0 is positive, below 0 negative.

    kinds: values of ``events.kinds.Kind``. values: the ratings, 0.5 to 5; None for other kinds. weights: what each kind
    weighs. Ratings weigh what they do in the nightly model, apart from fair ones.
    """
    codes = _codes(kinds)
    ratings = np.array([np.nan if value is None else value for value in values], np.float32)
    fair_rating = (config or RealtimeConfig()).fair_rating
    feedback = FeedbackConfig(fair_rating=fair_rating, weights=weights or EventWeights())
    return feedback_weights(codes, ratings, feedback, "speed")


def signal_age_factors(
    kinds: Sequence[str], ages: NDArray[np.number] | None, weights: EventWeights | None
) -> NDArray[np.float32]:
    """What the age of each signal multiplies its weight by, float32 (k,): 1 where its kind has no half-life.

    ages: seconds, (k,); None where they say nothing.
    """
    if ages is None or weights is None:
        return np.ones(len(kinds), np.float32)
    return age_factors(ages, _codes(kinds), FeedbackConfig(weights=weights))


def _codes(kinds: Sequence[str]) -> NDArray[np.int8]:
    return np.array([_CODES[kind] for kind in kinds], np.int8)


def recency_weights(n: int, half_life: float) -> NDArray[np.float32]:
    """Weights of ``n`` signals, newest first, decreasing from 1; float32 (n,)."""
    return np.asarray(0.5 ** (np.arange(n) / half_life), np.float32)


def recency_by_sign(weights: NDArray[np.float32], half_life: float) -> NDArray[np.float32]:
    """Recency of n signals, newest first, counted among the positive ones and among the others separately; (n,).

    So a dislike takes no like's place, and the query stays as it was.
    """
    recency = np.empty(len(weights), np.float32)
    for group in (weights > 0, weights <= 0):
        recency[group] = recency_weights(int(group.sum()), half_life)
    return recency


def query_vector(query_factors: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weighted mean of the query factors (k, d) of the positive signals among k; shape (d,).

    Signals with a negative weight are left out: in an inner product they would raise all that is unlike their movies.
    They lower scores after retrieval; see ``dislikes``.
    """
    positive = np.clip(weights, 0, None)
    total = float(positive.sum())
    if total == 0:
        return np.zeros(query_factors.shape[1], np.float32)
    return np.asarray(positive @ query_factors / total, np.float32)


def truncate_directions(query: NDArray[np.float32], signals: int, config: RealtimeConfig) -> NDArray[np.float32]:
    """Set to zero the learned directions of a query (d,) that ``signals`` signals cannot determine; shape (d,).

    Learned directions are ordered by strength, strongest first. nDCG@10 after 1 / 3 / 5 / 10 / 20 likes, on people of
    ML-1M held out for validation: .398 / .398 / .410 / .415 / .384, and .393 / .393 / .406 / .413 / .383 with all 64.
    """
    directions = config.directions + config.directions_per_signal * signals
    truncated = query.copy()
    truncated[directions:LEARNED_DIRECTIONS] = 0
    return truncated


@dataclass(frozen=True, slots=True)
class UserProfile:
    """One person's newest usable signals as a query: k signals, newest first; d dimensions.

    signal_positions: positions of the usable signals among those given, int64 (k,); weights: by kind, age and recency,
    float32 (k,), above 0 for positive signals; query_factors, item_factors: of the signals' movies, float32 (k, d);
    query: float32 (d,), of the positive signals; positive: their number; newer: the number of them that the nightly
    model has not read.
    """

    signal_positions: NDArray[np.int64]
    weights: NDArray[np.float32]
    query_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    query: NDArray[np.float32]
    positive: int
    newer: int
    # Of each signal, float32 (k,): what its kind or rating weighs, and its factor by age.
    kind_weights: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    age_factors: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))


def build_user_profile(
    kinds: Sequence[str],
    values: Sequence[float | None],
    query_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
    *,
    usable: NDArray[np.bool_],
    newer: NDArray[np.bool_],
    config: RealtimeConfig,
    weights: EventWeights | None = None,
    ages: NDArray[np.number] | None = None,
) -> UserProfile | None:
    """Build the profile from n signals, newest first; None if no signal is usable or all weights are 0.

    kinds, values: as for ``signal_weights``, n each; query_factors, item_factors: of the signals' movies, (n, d);
    usable: whether the model has factors for the movie, bool (n,); newer: whether the signal is newer than the nightly
    model's data, bool (n,); weights: what each kind weighs, with half-lives that apply to the signals' ages, in seconds
    (n,).
    """
    strengths, factors = signal_weights(kinds, values, config, weights), signal_age_factors(kinds, ages, weights)
    # Recency also counts signals whose movies have no factors.
    profiled = (strengths * factors * recency_by_sign(strengths, config.recency_half_life))[usable]
    if not profiled.any():
        return None
    known = query_factors[usable]
    positive = profiled > 0
    query = truncate_directions(query_vector(known, profiled), int(positive.sum()), config)
    counts = int(positive.sum()), int((positive & newer[usable]).sum())
    own = strengths[usable], factors[usable]
    return UserProfile(np.flatnonzero(usable), profiled, known, item_factors[usable], query, *counts, *own)
