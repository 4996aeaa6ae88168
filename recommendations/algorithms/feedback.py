"""Turns rows of feedback into preference weights: one number from -1 to 1 for each (person, movie) pair.

``events.kinds`` has the table of what each kind of event weighs and which of several kinds counts. ``FeedbackConfig``
moves what validation data can judge: how much a fair rating counts, and whether feedback fades with age.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from events.kinds import KIND_TABLE, RATING_WEIGHTS, Kind
from recommendations.algorithms.interactions import Interactions

# Columns of the table by the code of the kind; NaN where it has none.
_ROWS = sorted(KIND_TABLE.values(), key=lambda row: row.code)
_WEIGHTS = np.array([np.nan if row.weight is None else row.weight for row in _ROWS], np.float32)
_AS_RATING = np.array([np.nan if row.as_rating is None else row.as_rating for row in _ROWS], np.float32)
_PRECEDENCE = np.array([row.precedence for row in _ROWS], np.int8)
_SEEN = np.array([row.seen for row in _ROWS], np.bool_)

# A rating between two half stars weighs what the nearer weighs, so each step begins a quarter earlier.
_RATING_STEPS = np.array([rating - 0.25 for rating, _ in RATING_WEIGHTS[1:]], np.float32)
_RATING_WEIGHTS = np.array([weight for _, weight in RATING_WEIGHTS], np.float32)
_FAIR = [rating for rating, _ in RATING_WEIGHTS].index(3.0)

# However old, a like stays a like: what it says of the person's taste fades, that it was one does not.
_FADED = 0.1
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class FeedbackConfig:
    """What tuning may change about the weights of ``events.kinds``; it never changes a sign."""

    # Weight of a rating of 3; that of 3.5 lies midway between it and 1.
    fair_rating: float = RATING_WEIGHTS[_FAIR][1]
    # Days in which a weight halves, counted back from the newest feedback; None: age says nothing.
    age_half_life_days: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.fair_rating <= 1:
            raise ValueError(f"fair_rating must be above 0 and at most 1, not {self.fair_rating}.")
        if self.age_half_life_days is not None and not self.age_half_life_days > 0:
            raise ValueError(f"age_half_life_days must be above 0 or None, not {self.age_half_life_days}.")


def rating_weights(ratings: NDArray[np.floating], config: FeedbackConfig | None = None) -> NDArray[np.float32]:
    """Preference weights of ratings on the scale 0.5 to 5; same shape, never falling as the rating rises."""
    table = _RATING_WEIGHTS
    if config is not None:
        table = table.copy()
        table[_FAIR : _FAIR + 2] = config.fair_rating, (config.fair_rating + 1) / 2
    weights: NDArray[np.float32] = table[np.searchsorted(_RATING_STEPS, ratings, side="right")]
    return weights


def feedback_weights(
    kinds: NDArray[np.integer], ratings: NDArray[np.floating], config: FeedbackConfig | None = None
) -> NDArray[np.float32]:
    """Preference weights of rows of feedback, shape (n,), float32.

    kinds (n,): values of ``Kind.code``. ratings (n,): 0.5 to 5, read where the kind is RATING alone.
    """
    weights = _WEIGHTS[kinds]
    rated = kinds == Kind.RATING.code
    weights[rated] = rating_weights(ratings[rated], config)
    return weights


def age_factors(timestamps: NDArray[np.int64], half_life_days: float | None) -> NDArray[np.float32]:
    """What each weight is multiplied by, 0.1 to 1, shape (n,): it halves every ``half_life_days`` before the newest.

    Times of 0 are unknown, and what has no known age does not fade.
    """
    if half_life_days is None or not len(timestamps):
        return np.ones(len(timestamps), np.float32)
    age = (timestamps.max() - timestamps) / (_DAY_SECONDS * half_life_days)
    factors = np.where(timestamps == 0, 1.0, np.maximum(np.exp2(-age), _FADED))
    return factors.astype(np.float32)


def feedback_merge(
    user_ids: NDArray[np.int64],
    item_ids: NDArray[np.int64],
    kinds: NDArray[np.integer],
    ratings: NDArray[np.float32],
    timestamps: NDArray[np.int64],
    *,
    config: FeedbackConfig | None = None,
) -> Interactions:
    """One entry for each (person, item) from rows of feedback, each column of shape (n,), in any order.

    kinds: values of ``Kind.code``. timestamps: Unix seconds. An entry's rating is the row's own, or the one its kind
    stands for; NaN where there is none. A kind by which a movie counts as seen excludes it from later lists, whichever
    row counts.
    """
    order = np.lexsort((timestamps, _PRECEDENCE[kinds], item_ids, user_ids))
    people, movies, kinds = user_ids[order], item_ids[order], kinds[order]
    ratings, timestamps = ratings[order], timestamps[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (people[1:] != people[:-1]) | (movies[1:] != movies[:-1])
    starts = np.flatnonzero(first)
    # The order within a pair is by precedence, then time: its last row is the one that counts.
    last = np.append(starts[1:], len(order)) - 1 if len(order) else starts
    excludes = np.logical_or.reduceat(_SEEN[kinds], starts) if len(order) else np.zeros(0, np.bool_)
    kind = kinds[last]
    config = config or FeedbackConfig()
    weights = feedback_weights(kind, ratings[last], config)
    weights *= age_factors(timestamps[last], config.age_half_life_days)
    return Interactions.from_columns(
        people[last],
        movies[last],
        weights=weights,
        ratings=np.where(kind == Kind.RATING.code, ratings[last], _AS_RATING[kind]),
        timestamps=timestamps[last],
        excludes=excludes,
    )
