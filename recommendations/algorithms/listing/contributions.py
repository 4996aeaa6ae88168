"""Which signal explains an item: the one that moved its real-time score, and more than it moves other items."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.session_query import UserProfile


@dataclass(frozen=True, slots=True)
class ContributionConfig:
    """When a signal is named."""

    # The least share of the positive contributions to an item. With fifty signals, no signal reaches it by chance.
    notable_share: float = 0.2
    # Of this many successive items at most ``most_named`` name the same signal.
    window: int = 10
    most_named: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.notable_share <= 1:
            raise ValueError(f"notable_share must be above 0 and at most 1, not {self.notable_share}.")
        if self.window < 1 or self.most_named < 1:
            raise ValueError("window and most_named must be at least 1.")


def contribution_shares(
    profile: UserProfile, item_factors: NDArray[np.float32], average: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The share of each of k signals in what lifts each of n items above the average candidate, float32 (k, n).

    item_factors: (n, d); average: the mean of the candidates' factors, (d,). A signal that gives an item no more than
    it gives to the average candidate has share 0, and so has every dislike.
    """
    weights = np.clip(profile.weights, 0, None)[:, None]
    # Only the directions that the query has in it move the score.
    directions = profile.query_factors * (profile.query != 0)
    lifts = np.clip((weights * directions) @ (item_factors - average).T, 0, None)
    total = lifts.sum(axis=0)
    return np.asarray(np.divide(lifts, total, out=np.zeros_like(lifts), where=total > 0), np.float32)


def name_signals(
    shares: NDArray[np.float32],
    weights: NDArray[np.float32],
    nameable: NDArray[np.bool_],
    config: ContributionConfig | None = None,
) -> NDArray[np.int64]:
    """The signal to name for each of n items in the list's order, -1 where none stands out; int64 (n,).

    shares: from ``contribution_shares``, (k, n); weights: of the signals, (k,); nameable: bool (k,). A signal stands
    out if its share is notable and larger than its weight alone explains. One that was named often among the items
    before gives way to the next; if it is the only nameable one, it is named again.
    """
    config = config or ContributionConfig()
    expected = np.clip(weights, 0, None) / max(float(np.clip(weights, 0, None).sum()), 1e-9)
    stands_out = (shares >= config.notable_share) & (shares >= 0.999 * expected[:, None]) & nameable[:, None]
    only_one = np.count_nonzero(nameable) == 1
    named = [-1] * shares.shape[1]
    recent: deque[int] = deque(maxlen=config.window - 1)
    choices = _signals_by_item(shares, stands_out)
    for item in range(shares.shape[1]):
        for signal in choices.get(item, ()):
            if only_one or recent.count(signal) < config.most_named:
                named[item] = signal
                break
        recent.append(named[item])
    return np.array(named, np.int64)


def _signals_by_item(shares: NDArray[np.float32], stands_out: NDArray[np.bool_]) -> dict[int, list[int]]:
    """The signals that stand out, largest share first, by item; both arrays are (k, n)."""
    items, signals = np.nonzero(stands_out.T)
    order = np.lexsort((signals, -shares[signals, items], items))
    found: dict[int, list[int]] = {}
    for item, signal in zip(items[order].tolist(), signals[order].tolist(), strict=True):
        found.setdefault(item, []).append(signal)
    return found
