"""Ranking metrics with binary relevance, for all people at once.

``ranked``: item positions, best first, shape (people, n), padded with -1. ``relevant``: sparse (people, items), an
entry for each held-out item. ``k`` must be between 1 and n. Each function returns one number per person, shape
(people,); a person without relevant items gets NaN, so take means with ``nanmean``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def hits(ranked: NDArray[np.integer], relevant: csr_array) -> NDArray[np.bool_]:
    """Whether each place of each list holds a relevant item, shape (people, n)."""
    people, items = relevant.shape
    if ranked.shape[0] != people:
        raise ValueError(f"There are {ranked.shape[0]} lists for {people} people.")
    rows, columns = relevant.nonzero()
    wanted = np.sort(rows.astype(np.int64) * items + columns)
    keys = np.arange(people, dtype=np.int64)[:, None] * items + ranked
    if not len(wanted):
        return np.zeros(ranked.shape, np.bool_)
    at = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
    found: NDArray[np.bool_] = (wanted[at] == keys) & (ranked >= 0)
    return found


def ndcg(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.float64]:
    """Gain discounted by log2(place + 1), divided by the best possible one for min(k, relevant items)."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    found = _first(ranked, relevant, k)
    return _ratio(found @ discounts[: found.shape[1]], ideal[np.minimum(_counts(relevant), k)])


def recall(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.float64]:
    """Share of the relevant items that are in the first k places."""
    return _ratio(_first(ranked, relevant, k).sum(axis=1), _counts(relevant))


def precision(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.float64]:
    """Share of the first k places that hold a relevant item."""
    found = _first(ranked, relevant, k).sum(axis=1) / k
    return np.where(_counts(relevant) > 0, found, np.nan)


def hit_rate(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.float64]:
    """1 where any of the first k is relevant, else 0."""
    found = _first(ranked, relevant, k).any(axis=1).astype(np.float64)
    return np.where(_counts(relevant) > 0, found, np.nan)


def average_precision(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.float64]:
    """Precision at each place that holds a relevant item, summed, over min(k, relevant items); its mean is MAP@k."""
    found = _first(ranked, relevant, k)
    precisions = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return _ratio((precisions * found).sum(axis=1), np.minimum(_counts(relevant), k))


def reciprocal_rank(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.float64]:
    """1 / place of the first relevant item of the first k, 0 where there is none; its mean is MRR@k."""
    found = _first(ranked, relevant, k)
    first = np.where(found.any(axis=1), 1 / (1 + found.argmax(axis=1)), 0.0) if found.shape[1] else np.zeros(len(found))
    return np.where(_counts(relevant) > 0, first, np.nan)


def _first(ranked: NDArray[np.integer], relevant: csr_array, k: int) -> NDArray[np.bool_]:
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}.")
    return hits(ranked[:, :k], relevant)


def _counts(relevant: csr_array) -> NDArray[np.integer]:
    counts: NDArray[np.integer] = relevant.count_nonzero(axis=1)
    return counts


def _ratio(value: NDArray, whole: NDArray) -> NDArray[np.float64]:
    out = np.full(len(value), np.nan)
    np.divide(value, whole, out=out, where=whole > 0)
    return out
