"""Simulates serving: gathers candidates from the arrays of one trained model and ranks them with serving's ``rank``.

Items are positions in the model's catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from events.kinds import Kind
from events.weights import EventWeights
from recommendations.algorithms.listing.blending import POPULAR_CANDIDATES, REALTIME_CANDIDATES, BlendConfig
from recommendations.algorithms.listing.query_mixture import mix_queries
from recommendations.algorithms.listing.scoring import (
    CandidatePool,
    RankingConfig,
    ScoredItems,
    candidate_ids,
    rank,
)
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.listing.session_query import UserProfile, build_user_profile
from recommendations.algorithms.pipeline.next_item_factors import NextItemFactors
from recommendations.algorithms.pipeline.serving_tasks import ServingTask
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.algorithms.rankers.popularity import Popularity, PopularityConfig
from recommendations.algorithms.top_n import top_n

# Tasks whose scores of all items are in memory at once.
_BLOCK = 64


@dataclass(slots=True)
class ServingSimulator:
    """The published arrays of one model with I items, and the parameters that lists are made with.

    query_factors, item_factors: of the few-shot model, float32 (I, d); popular: positions by popularity, best first,
    int64; popularity: scores by position, float64 (I,).
    """

    query_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    popular: NDArray[np.int64]
    popularity: NDArray[np.float64]
    parameters: ServingParameters = field(default_factory=ServingParameters)
    # With a next-item model, its joined item factors, (I, d + e + 1), replace ``item_factors`` in the search.
    next_item: NextItemFactors | None = None
    # What each kind of signal weighs.
    weights: EventWeights = field(default_factory=EventWeights)
    _has_factors: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self._has_factors = np.any(self.item_factors, axis=1)
        if self.next_item is not None:
            self.item_factors = np.where(self._has_factors[:, None], self.next_item.item_factors, np.float32(0))

    @classmethod
    def from_model(
        cls,
        model: TrainedModel,
        config: PopularityConfig,
        parameters: ServingParameters | None = None,
        weights: EventWeights | None = None,
    ) -> ServingSimulator:
        """Build from the model's factors and the popularity of items in its interactions.

        parameters: those that the model was published with, by default.
        """
        parameters = parameters or model.serving or ServingParameters()
        config = replace(config, rating_exponent=parameters.popularity_rating_exponent)
        fitted = Popularity(config).fit(model.interactions)
        scores = np.zeros(len(model.movie_ids), np.float64)
        rows = np.searchsorted(model.movie_ids, model.interactions.item_ids)
        # A movie that left the catalogue is not listed.
        inside = np.isin(model.interactions.item_ids, model.movie_ids)
        scores[rows[inside]] = fitted.item_scores[inside]
        popular = np.lexsort((np.arange(len(scores)), -scores))[: np.count_nonzero(scores)]
        return cls(
            model.query_factors,
            model.item_factors,
            popular,
            scores,
            parameters=parameters,
            next_item=model.next_item,
            weights=weights or EventWeights(),
        )

    def recommend(
        self,
        signals: Sequence[int],
        ratings: Sequence[float],
        seen: NDArray[np.int64],
        n: int,
        *,
        blending: BlendConfig | None = None,
        batch: ScoredItems | None = None,
        newer: int = 0,
        kinds: Sequence[str] | None = None,
        timestamps: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """The best ``n`` positions, int64 (n,), padded with -1 if there are fewer candidates.

        signals: positions of rated items, newest first; ratings: of the signals, 0.5 to 5; newer: the number of signals
        that the model has not read, the first ones; seen: positions to leave out; blending: instead of that of the
        parameters; batch: the person's nightly list; kinds: of the signals, ratings by default; for other kinds the
        rating is not read; timestamps: unix seconds of the signals, (k,), all at once by default.
        """
        config = RankingConfig(blending or self.parameters.blend)
        profile = self._profile(signals, kinds, ratings, newer, timestamps)
        (nearest,) = self._nearest([profile], [seen])
        return self._ranked(profile, seen, n, nearest, config=config, batch=batch or ScoredItems())

    def recommend_all(
        self, tasks: Sequence[ServingTask], batches: Sequence[ScoredItems | None], n: int
    ) -> NDArray[np.int64]:
        """The best ``n`` positions for each task, as from ``recommend``: int64 (tasks, n).

        batches: each person's nightly list. The nearest items of _BLOCK tasks are searched at once, because one product
        of matrices is many times faster than its rows alone.
        """
        config = RankingConfig(self.parameters.blend)
        lists = np.full((len(tasks), n), -1, np.int64)
        for start in range(0, len(tasks), _BLOCK):
            own = tasks[start : start + _BLOCK]
            profiles = [
                self._profile(task.signals.tolist(), task.kinds, task.ratings.tolist(), task.newer, task.timestamps)
                for task in own
            ]
            nearest = self._nearest(profiles, [task.seen for task in own])
            for place, (task, profile) in enumerate(zip(own, profiles, strict=True)):
                batch = batches[start + place] or ScoredItems()
                lists[start + place] = self._ranked(profile, task.seen, n, nearest[place], config=config, batch=batch)
        return lists

    def _ranked(
        self,
        profile: UserProfile | None,
        seen: NDArray[np.int64],
        n: int,
        nearest: NDArray[np.int64],
        *,
        config: RankingConfig,
        batch: ScoredItems,
    ) -> NDArray[np.int64]:
        pool = self._gather(profile, seen, n, nearest, config=config, batch=batch)
        ranked = rank(pool, config).item_ids[:n]
        return np.concatenate([ranked, np.full(n - len(ranked), -1, np.int64)])

    def _gather(
        self,
        profile: UserProfile | None,
        seen: NDArray[np.int64],
        n: int,
        nearest: NDArray[np.int64],
        *,
        config: RankingConfig,
        batch: ScoredItems,
    ) -> CandidatePool:
        weights = config.weights(has_batch=bool(len(batch)), profile=profile)
        popular = self._popular(seen, POPULAR_CANDIDATES) if weights["popular"] else ScoredItems()
        nearest = nearest if weights["realtime"] else np.empty(0, np.int64)
        lists = {"batch": batch, "popular": popular}
        ids = np.array(sorted(candidate_ids(lists.values(), nearest.tolist(), seen.tolist())), np.int64)
        missing = n - len(ids)
        return CandidatePool(
            ids,
            weights,
            self._has_factors[ids],
            self.item_factors[ids],
            lists=lists,
            profile=profile,
            nearest=nearest,
            fill=self._popular(np.concatenate([seen, ids]), missing) if missing > 0 else ScoredItems(),
        )

    def _profile(
        self,
        signals: Sequence[int],
        kinds: Sequence[str] | None,
        ratings: Sequence[float],
        newer: int,
        timestamps: NDArray[np.int64] | None,
    ) -> UserProfile | None:
        newest = slice(0, self.parameters.realtime.signals)
        positions = np.array(signals[newest], np.int64)
        factors = self.query_factors[positions]
        profile = build_user_profile(
            [Kind.RATING.value] * len(positions) if kinds is None else kinds[newest],
            ratings[newest],
            factors,
            self.item_factors[positions],
            # The speed layer cannot use movies without factors.
            usable=np.any(factors, axis=1),
            newer=np.arange(len(positions)) < newer,
            config=self.parameters.realtime,
            weights=self.weights,
            # A caller that leaves signals out may pass the times of all.
            ages=None if timestamps is None or not len(positions) else _ages(timestamps[: len(positions)]),
        )
        if profile is None or self.next_item is None:
            return profile
        own = profile.signal_positions
        times = np.zeros(len(own), np.int64) if timestamps is None else timestamps[own]
        known = self.next_item.query_factors[positions[own]]
        return mix_queries(profile, known, times, self.next_item.space, self.parameters.mixture)

    def _nearest(
        self, profiles: Sequence[UserProfile | None], seen: Sequence[NDArray[np.int64]]
    ) -> list[NDArray[np.int64]]:
        """The unseen items nearest to each profile's query, best first; none for a profile that likes nothing."""
        found = [np.empty(0, np.int64) for _ in profiles]
        queries = {
            place: profile.query for place, profile in enumerate(profiles) if profile is not None and profile.positive
        }
        if not queries:
            return found
        scores = np.stack(list(queries.values())) @ self.item_factors.T
        scores[:, ~self._has_factors] = -np.inf
        for row, place in enumerate(queries):
            scores[row, seen[place]] = -np.inf
        positions, _ = top_n(scores, REALTIME_CANDIDATES)
        for row, place in enumerate(queries):
            found[place] = positions[row][positions[row] >= 0].astype(np.int64)
        return found

    def _popular(self, exclude: NDArray[np.int64], limit: int) -> ScoredItems:
        # Enough for ``limit`` others, even if all of ``exclude`` are among them.
        head = self.popular[: limit + len(exclude)]
        head = head[~np.isin(head, exclude)][:limit]
        return ScoredItems(head, self.popularity[head])


def _ages(timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The age of each signal when a list is made after the newest one, in seconds, (k,); 0 where it is unknown."""
    return np.where(timestamps == 0, 0, timestamps.max(initial=0) - timestamps)
