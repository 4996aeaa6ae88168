"""Aggregates the scores of several people into one group ranking.

Two of the strategies that J. Masthoff compares ("Group modeling: selecting a sequence of television items to suit a
group of viewers", 2004; "Group recommender systems: aggregation, satisfaction and group attributes", Recommender
Systems Handbook, 2015): least misery (the group's score is the lowest of its members' scores) and the average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import SOURCES
from recommendations.algorithms.listing.scoring import CandidatePool, RankingConfig, rank

Strategy = Literal["least_misery", "average"]
# What a group's score of a movie is, in the words of the API.
STRATEGIES: Final[Mapping[Strategy, str]] = MappingProxyType(
    {"least_misery": "the lowest of the members' scores", "average": "the average of the members' scores"}
)
# The order of summation changes the last bits of a sum; rounding keeps equal scores equal.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class RankedGroup:
    """n items ranked for a group of m people, best first.

    item_ids: int64 (n,); scores: of the group, 0 to 1, float64 (n,); member_scores: float64 (m, n), members in the
    order of their pools; suited_count: how many members each item suits, int64 (n,); popular_share: the part of the
    group's score that comes from popularity, 0 to 1, float64 (n,).
    """

    item_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    member_scores: NDArray[np.float64]
    suited_count: NDArray[np.int64]
    popular_share: NDArray[np.float64]


def rank_group(
    pools: Sequence[Sequence[CandidatePool]], folds: NDArray[np.int64], strategy: Strategy, config: RankingConfig
) -> RankedGroup:
    """Score the candidates for each of m members with ``rank``, then aggregate. All pools have the same n item_ids.

    pools: by member, then by fold, (m, k); folds: the fold of each item, 0 to k - 1, int64 (n,). A member's score of an
    item is the one in the pool of the item's fold, whose profile knows nothing that the member did in that fold.
    """
    ids = pools[0][0].item_ids
    if not len(ids):
        return RankedGroup(ids, np.empty(0), np.empty((len(pools), 0)), np.empty(0, np.int64), np.empty(0))
    scores, popular = np.zeros((2, len(pools), len(ids)))
    for row, by_fold in enumerate(pools):
        for fold, pool in enumerate(by_fold):
            ranked = rank(pool, config)
            rows = np.searchsorted(ids, ranked.item_ids)
            inside = folds[rows] == fold
            scores[row, rows[inside]] = ranked.scores[inside]
            popular[row, rows[inside]] = ranked.shares[inside, SOURCES.index("popular")]
    order = group_order(ids, scores, strategy)
    return RankedGroup(
        ids[order],
        group_scores(scores, strategy)[order],
        scores[:, order],
        is_suited(scores).sum(axis=0)[order],
        popular_share(scores, popular, strategy)[order],
    )


def group_scores(scores: NDArray[np.floating], strategy: Strategy) -> NDArray[np.float64]:
    """The group's score of each of n movies, shape (n,), from the members' ``scores``, 0 to 1, shape (m, n)."""
    if strategy == "least_misery":
        return np.round(scores.min(axis=0), _DECIMALS)
    return np.round(scores.mean(axis=0), _DECIMALS)


def group_order(item_ids: NDArray[np.int64], scores: NDArray[np.floating], strategy: Strategy) -> NDArray[np.int64]:
    """Positions of n movies, best first, from ``scores`` (m, n); shape (n,).

    Ties go to the higher score by the other strategy, then to the lower id.
    """
    other: Strategy = "average" if strategy == "least_misery" else "least_misery"
    return np.lexsort((item_ids, -group_scores(scores, other), -group_scores(scores, strategy)))


def is_suited(scores: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each movie suits each person, bool (m, n): its score is above that person's median or is their highest.

    The median is each person's own, because score ranges differ between people. A score of 0 never suits.
    """
    high = scores > np.median(scores, axis=1, keepdims=True)
    return (scores > 0) & (high | (scores == scores.max(axis=1, keepdims=True)))


def popular_share(
    scores: NDArray[np.floating], popular: NDArray[np.floating], strategy: Strategy
) -> NDArray[np.float64]:
    """The part of each movie's group score that comes from popularity, 0 to 1; shape (n,).

    popular: that share in each person's score, (m, n). With least misery only the members with the lowest score count,
    because theirs is the group's score; where it is 0, the average decides the order, so all members count, weighted by
    their scores. A movie with no score at all counts as popular: 1.
    """
    counted = np.array(scores, np.float64)
    if strategy == "least_misery":
        lowest = scores.min(axis=0)
        counted = np.where((scores <= lowest) | (lowest == 0), counted, 0.0)
    total = counted.sum(axis=0)
    return np.divide((counted * popular).sum(axis=0), total, out=np.ones(scores.shape[1]), where=total > 0)
