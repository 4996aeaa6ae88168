"""The ranker of every list: takes a pool of candidates, returns a ranked list.

Personal lists, guests' lists, each member of a group and the simulator (``pipeline.serving_simulator``) call ``rank``,
so validation and evaluation measure the ranking that is served.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import (
    LIST_SIZE,
    REALTIME_CANDIDATES,
    BlendConfig,
    RankedList,
    add_mood,
    blend,
    fill,
    normalise,
    shift_to_list_floor,
    shift_to_nearest_floor,
)
from recommendations.algorithms.listing.dislikes import DislikeConfig, dislike_penalties, subtract_penalties
from recommendations.algorithms.listing.session_query import UserProfile


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """How candidates are scored."""

    blend: BlendConfig = field(default_factory=BlendConfig)
    # The share of a mood in a score, 0 to 1: for a person whose taste is known, and where popularity is all there is.
    mood_weight: float = 0.5
    mood_weight_cold: float = 0.75
    dislikes: DislikeConfig = field(default_factory=DislikeConfig)

    def weights(self, *, has_batch: bool, profile: UserProfile | None) -> dict[str, float]:
        """The weight of each source for a person with this profile; the weights sum to 1.

        A source of weight 0 needs no candidates.
        """
        positive, newer = (profile.positive, profile.newer) if profile else (0, 0)
        return self.blend.weights(has_batch=has_batch, positive=positive, newer=newer)

    def weight_of_mood(self, weights: Mapping[str, float]) -> float:
        """The share of a mood beside sources of these weights: the more of the list is popularity, the nearer to cold.

        Popular movies say nothing about the person, so that a mood is the better guide.
        """
        popular = weights["popular"]
        return (1 - popular) * self.mood_weight + popular * self.mood_weight_cold


@dataclass(frozen=True, slots=True)
class ScoredItems:
    """Items of one source, best first. item_ids: int64 (n,); scores: raw, float64 (n,)."""

    item_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))

    def __len__(self) -> int:
        return len(self.item_ids)

    @classmethod
    def of(cls, item_ids: Sequence[int], scores: Sequence[float]) -> ScoredItems:
        """Build from two sequences of the same length."""
        return cls(np.array(item_ids, np.int64), np.array(scores, np.float64))

    def within(self, item_ids: Container[int]) -> ScoredItems:
        """The items that are among ``item_ids``, in the same order."""
        kept = np.array([item_id in item_ids for item_id in self.item_ids.tolist()], np.bool_)
        return ScoredItems(self.item_ids[kept], self.scores[kept])


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Everything that determines the order of one list: n candidates, d dimensions.

    item_ids: int64 (n,), ascending and unique. weights: by source, from RankingConfig.weights.
    has_factors: bool (n,); item_factors: float32 (n, d), zeros without factors.
    lists: by source, the list of each source but real time; one for each that has a weight. Complete as published,
    because calibration starts at a list's end; only candidates are ranked.
    preferred: popular movies of the person's preferred genres, with scores above 1, so that they rank before those
    popular with everyone. nearest: int64 (m,), ids that the vector search near the profile's query found; None where no
    search chose the candidates. mood: cosine similarity of each candidate's text to a mood, float64 (n,),
    NaN without a content vector; None without a mood. fill: items to append after the last candidate.
    """

    item_ids: NDArray[np.int64]
    weights: Mapping[str, float]
    has_factors: NDArray[np.bool_]
    item_factors: NDArray[np.float32]
    lists: Mapping[str, ScoredItems]
    preferred: ScoredItems = field(default_factory=ScoredItems)
    profile: UserProfile | None = None
    nearest: NDArray[np.int64] | None = None
    mood: NDArray[np.float64] | None = None
    fill: ScoredItems = field(default_factory=ScoredItems)


def candidate_ids(lists: Iterable[ScoredItems], nearest: Iterable[int], exclude: Collection[int]) -> set[int]:
    """The ids of the candidates: all items of the lists and the nearest ones, without ``exclude``."""
    return set(nearest).union(*(listed.item_ids.tolist() for listed in lists)).difference(exclude)


def rank(pool: CandidatePool, config: RankingConfig) -> RankedList:
    """Rank all candidates, then append the fill. Returns scores and the share of each source; deterministic.

    Raises ValueError if a source has a weight and no list, or a list and no weight: it would lower all scores, or none
    of its items would count.
    """
    sources: dict[str, NDArray[np.floating]] = {
        source: _list_scores(pool, listed) for source, listed in pool.lists.items()
    }
    if len(pool.preferred):
        sources["popular"] = _preferred_scores(pool, sources["popular"])
    if pool.profile is not None and pool.profile.positive:
        sources["realtime"] = _realtime_scores(pool, pool.profile)
    for source, weight in pool.weights.items():
        if weight and source not in sources:
            raise ValueError(f"The source {source!r} has weight {weight:.3g}, but its candidates were not gathered.")
    for source in sources:
        if source not in pool.weights:
            raise ValueError(f"The source {source!r} was gathered, but has no weight.")
    ranked = blend(pool.item_ids, sources, pool.weights)
    if pool.profile is not None:
        factors = pool.item_factors[np.searchsorted(pool.item_ids, ranked.item_ids)]
        ranked = subtract_penalties(ranked, dislike_penalties(pool.profile, factors, config.dislikes))
    if pool.mood is not None:
        moods = pool.mood[np.searchsorted(pool.item_ids, ranked.item_ids)]
        ranked = add_mood(ranked, moods, config.weight_of_mood(pool.weights))
    return fill(ranked, pool.fill.item_ids, pool.fill.scores)


def _list_scores(pool: CandidatePool, listed: ScoredItems) -> NDArray[np.float64]:
    """Each candidate's score in a published list, measured from the list's end; NaN outside the list. (n,)."""
    return _align_to_candidates(pool, listed.item_ids, shift_to_list_floor(listed.scores, LIST_SIZE))


def _preferred_scores(pool: CandidatePool, everyone: NDArray[np.floating]) -> NDArray[np.float64]:
    """Each candidate's popularity, ``everyone``, replaced by its score in preferred genres where it has one. (n,)."""
    known = np.isfinite(everyone)
    general = np.full(len(everyone), np.nan)
    general[known] = normalise(everyone[known])
    preferred = _align_to_candidates(pool, pool.preferred.item_ids, pool.preferred.scores)
    return np.where(np.isnan(preferred), general, preferred)


def _align_to_candidates(
    pool: CandidatePool, item_ids: NDArray[np.int64], scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Scores by candidate, NaN where an item has none. (n,)."""
    out = np.full(len(pool.item_ids), np.nan)
    rows, found = _candidate_rows(pool, item_ids)
    out[rows] = scores[found]
    return out


def _candidate_rows(pool: CandidatePool, item_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The rows of those of m items that are candidates, and which of the m these are, bool (m,)."""
    if not len(pool.item_ids):
        return np.empty(0, np.int64), np.zeros(len(item_ids), np.bool_)
    rows = np.minimum(np.searchsorted(pool.item_ids, item_ids), len(pool.item_ids) - 1)
    found = pool.item_ids[rows] == item_ids
    return rows[found], found


def _realtime_scores(pool: CandidatePool, profile: UserProfile) -> NDArray[np.floating]:
    """The inner product of the query with each candidate's factors, NaN without factors. (n,)."""
    similar = np.where(pool.has_factors, pool.item_factors @ profile.query, np.nan)
    if not pool.weights["batch"] or pool.nearest is None:
        return similar
    nearest = np.zeros(len(pool.item_ids), np.bool_)
    nearest[_candidate_rows(pool, pool.nearest)[0]] = True
    return shift_to_nearest_floor(similar, nearest, REALTIME_CANDIDATES)
