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
outranks a watch, a watch outranks a hide, and a hide outranks a view.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.base import Interactions


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


def rating_weights(ratings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Preference weights of ratings on the scale 0.5 to 5; same shape, never falling as the rating rises."""
    weights: NDArray[np.float32] = _RATING_WEIGHTS[np.searchsorted(_RATING_STEPS, ratings, side="right")]
    return weights


def feedback_weights(kinds: NDArray[np.integer], ratings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Preference weights of rows of feedback, shape (n,); ``ratings`` is read where the kind is RATING."""
    weights = _WEIGHTS[kinds]
    rated = kinds == Kind.RATING
    weights[rated] = rating_weights(ratings[rated])
    return weights


def feedback_merge(
    user_ids: NDArray[np.int64],
    item_ids: NDArray[np.int64],
    kinds: NDArray[np.integer],
    ratings: NDArray[np.float32],
    timestamps: NDArray[np.int64],
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
    return Interactions.from_columns(
        people[last],
        movies[last],
        weights=feedback_weights(kind, ratings[last]),
        ratings=np.where(kind == Kind.RATING, ratings[last], _AS_RATING[kind]),
        timestamps=timestamps[last],
        excludes=excludes,
    )
