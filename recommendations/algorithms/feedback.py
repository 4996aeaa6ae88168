"""What each kind of feedback says about taste: one number between -1 and 1 a (person, movie) pair.

========================  ======  =========================================================
feedback                  weight  why
========================  ======  =========================================================
rating of 4 and up          1.0   what published protocols call a like
rating of 3.5               0.85
rating of 3                 0.7   found fair: still a choice of that movie (0.7 ranked best on ML-1M validation data)
rating of 2.5              -0.25
rating of 2                -0.5
rating of 1.5 and below    -1.0
like                        1.0
watch                       0.7   chosen, but not yet judged
view                        0.2   its page was opened; does not keep the movie off later lists
hide                       -0.5   unwanted now, which is milder than disliked
dislike                    -1.0
========================  ======  =========================================================

Where one person gave several kinds for one movie, an explicit judgement (rating, like, dislike; the newest of them)
outranks a watch, a watch outranks a hide, and a hide outranks a view. ``FeedbackConfig`` moves what validation data can
judge: how much a fair rating counts, and whether feedback fades with age.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions


class Kind(IntEnum):
    """Kinds of feedback in columns of numbers."""

    RATING = 0
    LIKE = 1
    DISLIKE = 2
    WATCH = 3
    HIDE = 4
    VIEW = 5


_WEIGHTS = np.array([0.0, 1.0, -1.0, 0.7, -0.5, 0.2], np.float32)
# What the kind would have been as a rating, for averages; a view and a hide do not judge the movie.
_AS_RATING = np.array([np.nan, 4.5, 1.5, 3.5, np.nan, np.nan], np.float32)
_PRECEDENCE = np.array([3, 3, 3, 2, 1, 0], np.int8)

_RATING_STEPS = np.array([1.75, 2.25, 2.75, 3.25, 3.75], np.float32)
_RATING_WEIGHTS = np.array([-1.0, -0.5, -0.25, 0.7, 0.85, 1.0], np.float32)


# However old, a like stays a like: what it says of the person's taste fades, that it was one does not.
_FADED = 0.1
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class FeedbackConfig:
    """What tuning may change about the table above; it never changes a sign."""

    # Weight of a rating of 3; that of 3.5 lies midway between it and 1.
    fair_rating: float = 0.7
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
        table[3:5] = config.fair_rating, (config.fair_rating + 1) / 2
    weights: NDArray[np.float32] = table[np.searchsorted(_RATING_STEPS, ratings, side="right")]
    return weights


def feedback_weights(
    kinds: NDArray[np.integer], ratings: NDArray[np.floating], config: FeedbackConfig | None = None
) -> NDArray[np.float32]:
    """Preference weights of rows of feedback, shape (n,); ``ratings`` is read where the kind is RATING."""
    weights = _WEIGHTS[kinds]
    rated = kinds == Kind.RATING
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
    """One entry per (person, item) from rows of feedback, each column of shape (n,), in any order.

    An entry's rating is the row's own, or what its kind stands for; NaN where that says nothing. Everything but a
    view excludes the movie from later lists, whichever row won.
    """
    order = np.lexsort((timestamps, _PRECEDENCE[kinds], item_ids, user_ids))
    people, movies, kinds = user_ids[order], item_ids[order], kinds[order]
    ratings, timestamps = ratings[order], timestamps[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (people[1:] != people[:-1]) | (movies[1:] != movies[:-1])
    starts = np.flatnonzero(first)
    # The order within a pair is by precedence, then time: its last row is the one that counts.
    last = np.append(starts[1:], len(order)) - 1 if len(order) else starts
    excludes = np.logical_or.reduceat(kinds != Kind.VIEW, starts) if len(order) else np.zeros(0, np.bool_)
    kind = kinds[last]
    config = config or FeedbackConfig()
    weights = feedback_weights(kind, ratings[last], config)
    weights *= age_factors(timestamps[last], config.age_half_life_days)
    return Interactions.from_columns(
        people[last],
        movies[last],
        weights=weights,
        ratings=np.where(kind == Kind.RATING, ratings[last], _AS_RATING[kind]),
        timestamps=timestamps[last],
        excludes=excludes,
    )
