"""One order for several people, out of what each of them would like.

Of the strategies that J. Masthoff compares ("Group modeling: selecting a sequence of television items to suit a group
of viewers", 2004; "Group recommender systems: aggregation, satisfaction and group attributes", Recommender Systems
Handbook, 2015) there are two: least misery, by which a group is as glad as its least glad member, and the average.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Strategy = Literal["least_misery", "average"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
# Sums in different orders differ in the last bits; rounding keeps ties ties.
_DECIMALS = 6


def group_scores(scores: NDArray[np.floating], strategy: Strategy) -> NDArray[np.float64]:
    """What each of n movies is worth to m people, from ``scores`` (m, n), each person's from 0 to 1; shape (n,)."""
    if strategy == "least_misery":
        return np.round(scores.min(axis=0), _DECIMALS)
    return np.round(scores.mean(axis=0), _DECIMALS)


def group_order(item_ids: NDArray[np.int64], scores: NDArray[np.floating], strategy: Strategy) -> NDArray[np.int64]:
    """Places of n movies, best first, from ``scores`` (m, n): ties of the least by the average, ties of the average by
    the least, then by lower id. Shape (n,)."""
    other: Strategy = "average" if strategy == "least_misery" else "least_misery"
    return np.lexsort((item_ids, -group_scores(scores, other), -group_scores(scores, strategy)))


def suited(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each movie suits each person: it scores higher with them than half of the n movies, or highest. (m, n).

    By each person's own median, since the scores of two people spread differently.
    """
    high = scores > np.median(scores, axis=1, keepdims=True)
    return (scores > 0) & (high | (scores == scores.max(axis=1, keepdims=True)))


def popular_share(
    scores: NDArray[np.floating], popular: NDArray[np.floating], strategy: Strategy
) -> NDArray[np.float64]:
    """How much of what each movie is worth comes from its being popular, 0 to 1; shape (n,).

    popular (m, n): that share in each person's score. By least misery it is theirs who score lowest, since their score
    is the group's; where that is 0 the average put the movie in its place, and all count by their scores.
    """
    counted = np.array(scores, np.float64)
    if strategy == "least_misery":
        lowest = scores.min(axis=0)
        counted = np.where((scores <= lowest) | (lowest == 0), counted, 0.0)
    total = counted.sum(axis=0)
    return np.divide((counted * popular).sum(axis=0), total, out=np.ones(scores.shape[1]), where=total > 0)
