"""One order for several people, out of what each of them would like.

Of the strategies that J. Masthoff compares ("Group modeling: selecting a sequence of television items to suit a group
of viewers", 2004; "Group recommender systems: aggregation, satisfaction and group attributes", Recommender Systems
Handbook, 2015) there are two: least misery, by which a group is as glad as its least glad member, and the average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import SOURCES
from recommendations.algorithms.listing.scoring import CandidatePool, RankingConfig, rank

Strategy = Literal["least_misery", "average"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
# Sums in different orders differ in the last bits; rounding keeps ties ties.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class RankedGroup:
    """One order of n items for m people, best first.

    item_ids: int64 (n,); scores: what each is worth to the group, 0 to 1, (n,); member_scores: (m, n), members in the
    order of their pools; suits: how many members each suits, int64 (n,); popular_share: how much of the score comes
    from what is popular, (n,).
    """

    item_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    member_scores: NDArray[np.float64]
    suits: NDArray[np.int64]
    popular_share: NDArray[np.float64]


def rank_group(pools: Sequence[CandidatePool], strategy: Strategy, config: RankingConfig) -> RankedGroup:
    """The candidates, which are the same in each member's pool, each scored by ``rank`` as in the member's own list."""
    ids = pools[0].item_ids
    if not len(ids):
        return RankedGroup(ids, np.empty(0), np.empty((len(pools), 0)), np.empty(0, np.int64), np.empty(0))
    scores, popular = np.zeros((2, len(pools), len(ids)))
    for row, pool in enumerate(pools):
        ranked = rank(pool, config)
        places = np.searchsorted(ids, ranked.item_ids)
        scores[row, places] = ranked.scores
        popular[row, places] = ranked.shares[:, SOURCES.index("popular")]
    order = group_order(ids, scores, strategy)
    return RankedGroup(
        ids[order],
        group_scores(scores, strategy)[order],
        scores[:, order],
        suited(scores).sum(axis=0)[order],
        popular_share(scores, popular, strategy)[order],
    )


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
