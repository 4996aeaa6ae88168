"""What serving would answer, by serving's own functions: signals to a query vector, candidates, blend.

Everything here works on positions in the catalogue of one trained model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import (
    LIST_SIZE,
    POPULAR_CANDIDATES,
    REALTIME_CANDIDATES,
    BlendConfig,
    blend,
    shift_to_list_floor,
    shift_to_nearest_floor,
)
from recommendations.algorithms.listing.session_query import (
    RealtimeConfig,
    query_vector,
    recency_weights,
    signal_weights,
    truncate_directions,
)
from recommendations.algorithms.pipeline.train import TrainedModel
from recommendations.algorithms.rankers.popularity import Popularity, PopularityConfig
from recommendations.algorithms.top_n import top_n


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One person's nightly list: positions and raw scores, best first, each of shape (n,)."""

    positions: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(slots=True)
class ServingSimulator:
    """The published arrays of one model. factors: (I, rank) each; popular: positions by popularity, and scores (I,)."""

    query_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    popular: NDArray[np.int64]
    popularity: NDArray[np.float64]
    realtime: RealtimeConfig = field(default_factory=RealtimeConfig)

    @classmethod
    def of(cls, model: TrainedModel, config: PopularityConfig | None = None) -> ServingSimulator:
        """What the nightly batch and the hourly refresh publish from the model's own interactions."""
        fitted = Popularity(config).fit(model.interactions)
        scores = np.zeros(len(model.movie_ids), np.float64)
        place = np.searchsorted(model.movie_ids, model.interactions.item_ids)
        scores[place] = fitted.item_scores
        popular = np.lexsort((np.arange(len(scores)), -scores))[: np.count_nonzero(scores)]
        return cls(model.query_factors, model.item_factors, popular, scores)

    def answer(
        self,
        signals: Sequence[int],
        ratings: Sequence[float],
        seen: NDArray[np.int64],
        n: int,
        *,
        blending: BlendConfig,
        batch: BatchRow | None = None,
        newer: int = 0,
    ) -> NDArray[np.int64]:
        """The best ``n`` positions, fewer where candidates run out, padded with -1.

        signals: positions of what the person rated, newest first, with their ratings, the first ``newer`` of them newer
        than the model; seen: positions never listed.
        """
        places, weights, newer = self._usable(signals, ratings, newer)
        positive = int((weights > 0).sum())
        shares = blending.weights(has_batch=batch is not None, signals=len(places), positive=positive, newer=newer)
        sources: dict[str, dict[int, float]] = {"batch": {}, "popular": {}}
        if batch is not None and shares["batch"]:
            unseen = ~np.isin(batch.positions, seen)
            scores = shift_to_list_floor(batch.scores, LIST_SIZE)
            sources["batch"] = dict(zip(batch.positions[unseen].tolist(), scores[unseen].tolist(), strict=True))
        if shares["popular"]:
            sources["popular"] = self._popular(seen)
        candidates = sources["batch"].keys() | sources["popular"].keys()
        if len(places) and shares["realtime"]:
            query = query_vector(self.query_factors[places], weights)
            similar = self.item_factors @ truncate_directions(query, len(places), self.realtime)
            nearest = set(self._nearest(similar, seen)) if positive else set()
            candidates |= nearest
            known = [at for at in candidates if self.item_factors[at].any()]
            scored = similar[known]
            if shares["batch"]:
                scored = shift_to_nearest_floor(scored, np.array([at in nearest for at in known]), REALTIME_CANDIDATES)
            sources["realtime"] = dict(zip(known, scored.tolist(), strict=True))
        ids = np.array(sorted(candidates), np.int64)
        raw = {name: np.array([found.get(at, np.nan) for at in ids.tolist()]) for name, found in sources.items()}
        ranked = blend(ids, raw, shares).item_ids[:n]
        return np.concatenate([ranked, self._fill(ranked, seen, n - len(ranked))])

    def _usable(
        self, signals: Sequence[int], ratings: Sequence[float], newer: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
        """Positions and weights of the newest signals that tell the speed layer something, and how many are newer than
        the model."""
        places = np.array(signals[: self.realtime.signals], np.int64)
        weights = signal_weights(["rating"] * len(places), list(ratings[: len(places)]))
        weights = weights * recency_weights(len(places), self.realtime.recency_half_life)
        # A movie without factors does not.
        usable = np.any(self.query_factors[places], axis=1)
        return places[usable], weights[usable], int(usable[:newer].sum())

    def _nearest(self, similar: NDArray[np.float32], seen: NDArray[np.int64]) -> list[int]:
        scores = similar.copy()
        scores[seen] = -np.inf
        scores[~self.item_factors.any(axis=1)] = -np.inf
        positions, _ = top_n(scores[None], REALTIME_CANDIDATES)
        return [at for at in positions[0].tolist() if at >= 0]

    def _popular(self, seen: NDArray[np.int64]) -> dict[int, float]:
        head = self.popular[~np.isin(self.popular, seen)][:POPULAR_CANDIDATES]
        scores = shift_to_list_floor(self.popularity[head], LIST_SIZE)
        return dict(zip(head.tolist(), scores.tolist(), strict=True))

    def _fill(self, ranked: NDArray[np.int64], seen: NDArray[np.int64], missing: int) -> NDArray[np.int64]:
        """Popular movies for the places that are left, -1 where even those run out."""
        if missing <= 0:
            return np.empty(0, np.int64)
        rest = self.popular[~np.isin(self.popular, np.concatenate([seen, ranked]))][:missing]
        return np.concatenate([rest, np.full(missing - len(rest), -1, np.int64)])
