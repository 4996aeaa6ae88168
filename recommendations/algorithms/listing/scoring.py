"""One ranking for all lists: a pool of candidates in, a ranked list out.

``rank`` is the only place where a list gets its order. The personal list, a guest's, each member's of a group and the
evaluation's simulator call it, so that what is measured is what is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import (
    LIST_SIZE,
    REALTIME_CANDIDATES,
    BlendConfig,
    RankedList,
    blend,
    fill,
    normalise,
    shift_to_list_floor,
    shift_to_nearest_floor,
    with_mood,
)
from recommendations.algorithms.listing.session_query import UserProfile


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """How candidates are scored."""

    blend: BlendConfig = field(default_factory=BlendConfig)
    # How much of a score a mood gives, 0 to 1.
    mood_weight: float = 0.5

    def weights(self, *, has_batch: bool, profile: UserProfile | None) -> dict[str, float]:
        """What each source weighs for somebody with or without a nightly list, and with this profile; they sum to 1.

        A source that weighs nothing needs no candidates.
        """
        return self.blend.weights(
            has_batch=has_batch,
            signals=len(profile.weights) if profile else 0,
            positive=profile.positive if profile else 0,
            newer=profile.newer if profile else 0,
        )


@dataclass(frozen=True, slots=True)
class ScoredItems:
    """Items of one source, best first: ids int64 (n,) and the source's raw scores float64 (n,)."""

    item_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))

    def __len__(self) -> int:
        return len(self.item_ids)

    @classmethod
    def of(cls, item_ids: Sequence[int], scores: Sequence[float]) -> ScoredItems:
        """The same from two sequences of one length."""
        return cls(np.array(item_ids, np.int64), np.array(scores, np.float64))


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Everything that decides the order of one list; n candidates, d dimensions.

    item_ids: int64 (n,), ascending and unique. weights: of each source, as RankingConfig.weights gives them.
    has_factors: bool (n,); item_factors: float32 (n, d), zeros without. batch, popular: whole lists as they were
    published, since a list is measured from its end; only candidates enter the ranking. preferred: what is popular in
    the person's genres, with scores above 1, so that it comes before what is popular with everyone. nearest: bool (n,),
    found by the search near the profile's query; None where no search chose the candidates. mood: cosine of each
    candidate's text with a mood, (n,), NaN where unknown; None without a mood. fill: items after the last candidate.
    """

    item_ids: NDArray[np.int64]
    weights: Mapping[str, float]
    has_factors: NDArray[np.bool_]
    item_factors: NDArray[np.float32]
    batch: ScoredItems = field(default_factory=ScoredItems)
    popular: ScoredItems = field(default_factory=ScoredItems)
    preferred: ScoredItems = field(default_factory=ScoredItems)
    profile: UserProfile | None = None
    nearest: NDArray[np.bool_] | None = None
    mood: NDArray[np.float64] | None = None
    fill: ScoredItems = field(default_factory=ScoredItems)


def rank(pool: CandidatePool, config: RankingConfig) -> RankedList:
    """All candidates, best first, then the fill, with scores and the shares of each source. Deterministic."""
    sources: dict[str, NDArray[np.floating]] = {"batch": _from_list(pool, pool.batch), "popular": _popular(pool)}
    if pool.profile is not None:
        sources["realtime"] = _similarity(pool, pool.profile)
    ranked = blend(pool.item_ids, sources, pool.weights)
    if pool.mood is not None:
        ranked = with_mood(ranked, pool.mood[np.searchsorted(pool.item_ids, ranked.item_ids)], config.mood_weight)
    return fill(ranked, pool.fill.item_ids, pool.fill.scores)


def _from_list(pool: CandidatePool, listed: ScoredItems) -> NDArray[np.float64]:
    """The scores of a list by candidate, measured from the list's end; NaN for what it does not hold. (n,)."""
    return _by_candidate(pool, listed.item_ids, shift_to_list_floor(listed.scores, LIST_SIZE))


def _popular(pool: CandidatePool) -> NDArray[np.float64]:
    everyone = _from_list(pool, pool.popular)
    if not len(pool.preferred):
        return everyone
    preferred = _by_candidate(pool, pool.preferred.item_ids, pool.preferred.scores)
    everyone[np.isfinite(everyone)] = normalise(everyone[np.isfinite(everyone)])
    return np.where(np.isnan(preferred), everyone, preferred)


def _by_candidate(
    pool: CandidatePool, item_ids: NDArray[np.int64], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    out = np.full(len(pool.item_ids), np.nan)
    if len(out) and len(item_ids):
        places = np.minimum(np.searchsorted(pool.item_ids, item_ids), len(out) - 1)
        hits = pool.item_ids[places] == item_ids
        out[places[hits]] = scores[hits]
    return out


def _similarity(pool: CandidatePool, profile: UserProfile) -> NDArray[np.floating]:
    """The inner product of the query and each candidate's factors, NaN without factors, (n,)."""
    similar = np.where(pool.has_factors, pool.item_factors @ profile.query, np.nan)
    if pool.weights["batch"] and pool.nearest is not None:
        return shift_to_nearest_floor(similar, pool.nearest, REALTIME_CANDIDATES)
    return similar


def top_contributions(
    profile: UserProfile, item_factors: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of n items, which signal speaks for it most, and how much of all that speaks for it this is.

    item_factors: (n, d). Returns positions into the profile's signals and shares from 0 to 1, each of shape (n,);
    position -1 with share 0 where nothing speaks for the item.
    """
    n = len(item_factors)
    support = np.clip((profile.weights[:, None] * profile.query_factors) @ item_factors.T, 0, None)
    total = support.sum(axis=0)
    strongest = support.argmax(axis=0).astype(np.int64)
    most = support[strongest, np.arange(n)]
    share = np.divide(most, total, out=np.zeros(n, np.float32), where=total > 0)
    return np.where(total > 0, strongest, -1), share
