"""Blends the candidates of several sources into one list: nightly batch, speed layer and popularity.

Each source's scores are calibrated to [0, 1], so that weights are comparable whatever the scales. A movie's score is
the weighted sum; its shares are the fraction of that sum from each source. docs/architecture.md, "The blend", explains
each calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The length of a list and the number of candidates of each source. More popular movies are needed, because the person
# has seen some of them.
LIST_SIZE = 100
REALTIME_CANDIDATES = 100
POPULAR_CANDIDATES = 200
# The order of the columns of shares.
SOURCES = ("batch", "realtime", "popular")
# The largest weight of popularity relative to the newest signals (1): the first like must change the list.
MAX_POPULARITY_WEIGHT = 1.5
# The probability that a movie of the nightly list is liked next rises with about the square of its score, measured from
# the end of the list to its best; for the speed layer's nearest movies it rises linearly.
BATCH_POWER = 2.0
# The order of summation changes the last bits of a sum; rounding keeps equal scores equal.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class BlendConfig:
    """The weight of each source."""

    # For a person without signals newer than the model's data.
    batch: float = 0.7
    realtime: float = 0.3
    # The batch has not read newer signals, so its weight falls as 1 / (1 + newer_decay x newer signals), to no less
    # than batch_floor of it. Chosen on windows of time before the reported one; 0 keeps the weights.
    newer_decay: float = 2.0
    batch_floor: float = 0.15
    # Without a batch row popularity weighs this / (1 + positive signals), and the signals weigh 1. On 1,000 people of
    # ML-1M held out for validation, nDCG@10 after 1 / 3 / 5 / 10 / 20 likes is .386 / .387 / .402 / .409 / .381 with 2,
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

    def weights(self, *, has_batch: bool, positive: int, newer: int = 0) -> dict[str, float]:
        """The weight of each source for one person; the weights sum to 1.

        positive: the number of usable positive signals; newer: how many of them the nightly model has not read. Without
        a batch row the speed layer takes over, with a popularity prior that falls as positive signals increase. Without
        both, popularity has all the weight.
        """
        if has_batch and positive:
            fresh = max(1 / (1 + self.newer_decay * newer), self.batch_floor)
            # With a real-time weight of 0 the batch is the only source, whatever its age.
            raw = {"batch": self.batch * (fresh if self.realtime else 1.0), "realtime": self.realtime}
        elif has_batch:
            raw = {"batch": 1.0}
        elif positive:
            raw = {"realtime": 1.0, "popular": min(self.popularity_prior / (1 + positive), MAX_POPULARITY_WEIGHT)}
        else:
            raw = {"popular": 1.0}
        return {source: raw.get(source, 0.0) / sum(raw.values()) for source in SOURCES}


@dataclass(frozen=True, slots=True)
class RankedList:
    """A ranked list, best first.

    item_ids: int64 (n,); scores: float64 (n,), 0 to 1; shares: of each score by source, float64 (n, 3) in the order of
    SOURCES, or (n, 4) with a mood's share as the last column.
    """

    item_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    shares: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.item_ids)


def normalise(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale the scores of one source, shape (n,), to [0, 1]; same shape. NaN (no score from this source) becomes 0.

    The highest score becomes 1. A score of 0 stays 0 if no score is negative; otherwise the lowest score becomes 0, so
    that disliked movies stay below those with a neutral score.
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
    """Subtract the last score of a full list, best first, from all its scores. Same shape.

    A movie outside the list counts as 0, so the last movie inside must count as 0 too. A list shorter than ``full``
    contains every movie of the source, so its scores do not change. Effect for popular movies, on 1,000 people held out
    of ML-1M, prior 2: nDCG@10 .393 instead of .362 after one like, and .318 instead of .316 after twenty.
    """
    return scores - scores[-1] if len(scores) >= full else scores


def shift_to_nearest_floor(scores: NDArray[np.floating], nearest: NDArray[np.bool_], full: int) -> NDArray[np.floating]:
    """Subtract the lowest score of the ``nearest`` items from real-time scores, for a blend with a nightly list.

    Items further away get 0; NaN stays NaN. All of shape (n,). After calibration both sources score their best
    candidate 1 and their last 0. With fewer than ``full`` nearest items there are no others, so the scores do not
    change.
    """
    if np.count_nonzero(nearest) < full:
        return scores
    return np.clip(scores - scores[nearest].min(), 0, None)


def blend(
    item_ids: NDArray[np.int64], sources: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float]
) -> RankedList:
    """Rank unique ``item_ids``, shape (n,), by the weighted sum of the sources; ties go to the lower id.

    sources: raw scores by source name, each of shape (n,), NaN where the source has no score for the item; a missing
    source has none for any item. weights: by source name, from BlendConfig.weights.
    """
    raw = np.stack([np.asarray(sources.get(name, np.full(len(item_ids), np.nan)), np.float64) for name in SOURCES], 1)
    weight = np.array([weights.get(name, 0.0) for name in SOURCES])
    parts = np.stack([normalise(column) for column in raw.T], axis=1)
    parts[:, SOURCES.index("batch")] **= BATCH_POWER
    parts *= weight
    total = np.round(parts.sum(axis=1), _DECIMALS)
    # A score of 0 is attributed to the source with the largest weight that has a score for the movie.
    origin = np.where(np.isfinite(raw), weight, -1.0).argmax(axis=1)
    shares = np.eye(len(SOURCES))[origin]
    positive = parts.sum(axis=1) > 0
    shares[positive] = parts[positive] / parts[positive].sum(axis=1, keepdims=True)
    order = np.lexsort((item_ids, -total))
    return RankedList(np.asarray(item_ids, np.int64)[order], total[order], shares[order])


def add_mood(ranked: RankedList, cosines: NDArray[np.floating], weight: float) -> RankedList:
    """Re-rank the list with a mood of this weight, 0 to 1; the mood's share becomes the last column of the shares.

    cosines: similarity of each item's text to the mood, in the list's order, shape (n,), NaN without a content vector.
    The mood only adds to the score, so it selects among movies that suit the person.
    """
    moods = normalise(np.clip(cosines, 0, None)) * weight
    base = ranked.scores * (1 - weight)
    total = np.round(base + moods, _DECIMALS)
    share = np.divide(moods, base + moods, out=np.zeros_like(moods), where=base + moods > 0)
    shares = np.hstack([ranked.shares * (1 - share[:, None]), share[:, None]])
    order = np.lexsort((ranked.item_ids, -total))
    return RankedList(ranked.item_ids[order], total[order], shares[order])


def fill(ranked: RankedList, item_ids: NDArray[np.int64], scores: NDArray[np.floating]) -> RankedList:
    """Append popular items to the list; they keep their order and score at most as high as the list's last item.

    item_ids: int64 (n,), best first; scores: raw, (n,). Their shares name popularity alone.
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
