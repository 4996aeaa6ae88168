"""One list from several sources: nightly batch, speed layer and what is popular.

Each source's scores are brought to [0, 1], so that weights compare like with like whatever the scales; a movie's score
is the weighted sum, and its shares say how much of the sum each source gave. How each is calibrated, and why so:
docs/architecture.md, "The blend".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The length of a list, and how many candidates of each source it looks at: as many as it holds, and more of what is
# popular, since some of that will have been seen.
LIST_SIZE = 100
REALTIME_CANDIDATES = 100
POPULAR_CANDIDATES = 200
# The order of the columns of shares.
SOURCES = ("batch", "realtime", "popular")
# So much what is popular weighs against the newest signals at most: the first like must show in the list.
MAX_PRIOR = 1.5
# The chance that a movie of the nightly list is liked next rises with about the square of its place between the end of
# the list and its best; that of the speed layer's nearest movies rises evenly.
BATCH_POWER = 2.0
# Sums in different orders differ in the last bits; rounding keeps ties ties.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class BlendConfig:
    """How much each source weighs."""

    # For somebody who did nothing since the model read its data.
    batch: float = 0.7
    realtime: float = 0.3
    # The batch does not know what came later, nor what its list led to: its weight falls as 1 / (1 + newer_decay x
    # newer signals), down to batch_floor of it. Chosen on windows of time before the reported one; 0 keeps the weights.
    newer_decay: float = 2.0
    batch_floor: float = 0.15
    # Without a batch row what is popular weighs this, over 1 + the number of positive signals, against the signals'
    # 1. Dislikes alone count as one: they must be able to push down what is popular. On 1,000 people of ML-1M held out
    # for validation, nDCG@10 after 1 / 3 / 5 / 10 / 20 likes is .386 / .387 / .402 / .409 / .381 with 2,
    # .395 / .392 / .401 / .407 / .381 with 3, .396 / .395 / .401 / .404 / .381 with 4 and
    # .398 / .394 / .397 / .401 / .381 with 6.
    popularity_prior: float = 4.0

    def __post_init__(self) -> None:
        for name in ("batch", "realtime", "newer_decay", "popularity_prior"):
            if getattr(self, name) < 0:
                raise ValueError(f"The weight {name} must not be below 0.")
        if not 0 <= self.batch_floor <= 1:
            raise ValueError(f"batch_floor must be between 0 and 1, not {self.batch_floor}.")
        if self.batch + self.realtime <= 0:
            raise ValueError("The weights of batch and realtime must not both be 0.")

    def weights(self, *, has_batch: bool, signals: int, positive: int, newer: int = 0) -> dict[str, float]:
        """The weight of each source, summing to 1, for a person with so many usable signals, some of them positive and
        ``newer`` of them newer than what the nightly model read.

        The speed layer takes over the batch's weight for a person without a batch row, with a prior of what is
        popular that falls as evidence grows; for a person with neither, popularity is all there is.
        """
        if has_batch and signals:
            fresh = max(1 / (1 + self.newer_decay * newer), self.batch_floor)
            # Without a weight for real time a batch of any age is all there is.
            raw = (self.batch * (fresh if self.realtime else 1.0), self.realtime, 0.0)
        elif has_batch:
            raw = (1.0, 0.0, 0.0)
        elif signals:
            raw = (0.0, 1.0, min(self.popularity_prior / (1 + max(positive, 1)), MAX_PRIOR))
        else:
            raw = (0.0, 0.0, 1.0)
        return {source: weight / sum(raw) for source, weight in zip(SOURCES, raw, strict=True)}


@dataclass(frozen=True, slots=True)
class RankedList:
    """A ranked list, best first. item_ids int64 (n,), scores float64 (n,), shares float64 (n, 3) as in SOURCES, with a
    fourth column for a mood."""

    item_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    shares: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.item_ids)


def normalise(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores of one source brought to [0, 1]; same shape. NaN, which says that the source knows nothing, becomes 0.

    The best is 1. The zero of the scale stays 0 while nothing is below it; otherwise the lowest score is 0, so that
    what is pushed away stays below what is merely unknown to taste.
    """
    known = np.isfinite(scores)
    out = np.zeros(len(scores), np.float64)
    if known.any():
        low = min(0.0, float(scores[known].min()))
        span = float(scores[known].max()) - low
        if span > 0:
            out[known] = (scores[known] - low) / span
    return out


def shift_to_list_floor(scores: NDArray[np.floating], full: int) -> NDArray[np.floating]:
    """Scores of a list, best first, measured from its end: a movie just past it must not count for nothing next to one
    just inside. Same shape.

    A list shorter than ``full`` names all there is, so its scores stand as they are. For what is popular, on 1,000
    people held out of ML-1M, prior 2: nDCG@10 .393 for .362 after one like, and .318 for .316 after twenty.
    """
    return scores - scores[-1] if len(scores) >= full else scores


def shift_to_nearest_floor(scores: NDArray[np.floating], nearest: NDArray[np.bool_], full: int) -> NDArray[np.floating]:
    """Real-time scores next to a nightly list, measured from the last of the ``nearest``; what is further away counts
    as 0, and NaN stays. All of shape (n,).

    So the best of both sources lie at 1 and the last that each would name at 0. With fewer than ``full`` nearest there
    are no others, and the scores stand as they are.
    """
    if np.count_nonzero(nearest) < full:
        return scores
    return np.clip(scores - scores[nearest].min(), 0, None)


def blend(
    item_ids: NDArray[np.int64], sources: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float]
) -> RankedList:
    """All of ``item_ids`` (n,), unique, ranked by the weighted sum of the sources; ties by lower id.

    sources: raw scores by name, each of shape (n,), NaN where the source does not know the item; a source left out
    knows none. weights: as BlendConfig.weights gives them.
    """
    raw = np.stack([np.asarray(sources.get(name, np.full(len(item_ids), np.nan)), np.float64) for name in SOURCES], 1)
    weight = np.array([weights.get(name, 0.0) for name in SOURCES])
    parts = np.stack([normalise(column) for column in raw.T], axis=1)
    parts[:, SOURCES.index("batch")] **= BATCH_POWER
    parts *= weight
    total = np.round(parts.sum(axis=1), _DECIMALS)
    # A movie of score 0 still came from somewhere: from the heaviest of the sources that know it.
    origin = np.where(np.isfinite(raw), weight, -1.0).argmax(axis=1)
    shares = np.eye(len(SOURCES))[origin]
    positive = parts.sum(axis=1) > 0
    shares[positive] = parts[positive] / parts[positive].sum(axis=1, keepdims=True)
    order = np.lexsort((item_ids, -total))
    return RankedList(np.asarray(item_ids, np.int64)[order], total[order], shares[order])


def with_mood(ranked: RankedList, cosines: NDArray[np.floating], weight: float) -> RankedList:
    """The list moved by a mood that weighs so much of the score, 0 to 1; its share is a further, last column.

    cosines: of each item's text with the mood, in the list's order, shape (n,), NaN where unknown. Taste keeps its say:
    a mood picks among what the person may like.
    """
    moods = normalise(np.clip(cosines, 0, None)) * weight
    tastes = ranked.scores * (1 - weight)
    total = np.round(tastes + moods, _DECIMALS)
    share = np.divide(moods, tastes + moods, out=np.zeros_like(moods), where=tastes + moods > 0)
    shares = np.hstack([ranked.shares * (1 - share[:, None]), share[:, None]])
    order = np.lexsort((ranked.item_ids, -total))
    return RankedList(ranked.item_ids[order], total[order], shares[order])


def fill(ranked: RankedList, item_ids: NDArray[np.int64], scores: NDArray[np.floating]) -> RankedList:
    """The list with further popular items after its end, best first: they keep their order and score below its last.

    item_ids, scores: of the further items, (n,). All of their score comes from what is popular.
    """
    if not len(item_ids):
        return ranked
    below = ranked.scores[-1] if len(ranked) else 1.0
    shares = np.zeros((len(item_ids), ranked.shares.shape[1]))
    shares[:, SOURCES.index("popular")] = 1.0
    return RankedList(
        np.concatenate([ranked.item_ids, item_ids]),
        np.concatenate([ranked.scores, np.round(normalise(scores) * below, _DECIMALS)]),
        np.concatenate([ranked.shares, shares]),
    )
