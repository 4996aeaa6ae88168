"""What lists are like besides being right: coverage, novelty, diversity, popularity bias.

``ranked``: item positions, best first, shape (people, k), padded with -1.
P. Castells, N. Hurley, S. Vargas, Novelty and Diversity in Recommender Systems, Recommender Systems Handbook, 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def coverage(ranked: NDArray[np.integer], items: int) -> float:
    """Share of the ``items`` of the catalogue that stand in anyone's list."""
    if items < 1:
        raise ValueError("Coverage needs a catalogue of one item or more.")
    return len(np.unique(ranked[ranked >= 0])) / items


def novelty(ranked: NDArray[np.integer], liked_by: NDArray[np.integer], people: int) -> float:
    """Mean self-information of a recommended item in bits: -log2 of the share of people who liked it in training.

    liked_by: int, shape (items,). An item nobody liked counts as liked by one.
    """
    shares = np.maximum(liked_by, 1) / max(people, 1)
    shown = ranked[ranked >= 0]
    return float(-np.log2(shares[shown]).mean()) if len(shown) else float("nan")


def popularity_bias(ranked: NDArray[np.integer], liked_by: NDArray[np.integer]) -> float:
    """How much more often the recommended items were liked than the catalogue's average item (1 is no bias)."""
    shown = ranked[ranked >= 0]
    average = liked_by.mean() if len(liked_by) else 0
    return float(liked_by[shown].mean() / average) if len(shown) and average else float("nan")


def concentration(ranked: NDArray[np.integer], items: int) -> float:
    """Gini coefficient of how often each of ``items`` is recommended: 0 all alike, towards 1 a few take everything."""
    counts = np.sort(np.bincount(ranked[ranked >= 0], minlength=items)).astype(np.float64)
    total = counts.sum()
    if not total:
        return float("nan")
    places = np.arange(1, items + 1)
    return float((2 * places - items - 1) @ counts / (items * total))


def intra_list_diversity(ranked: NDArray[np.integer], vectors: NDArray[np.floating]) -> float:
    """Mean over people of the mean of (1 - cosine) over the pairs of their list.

    vectors: shape (items, d), any length; an item with a zero vector is unlike every other.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors, dtype=np.float64), where=norms > 0)
    total, people = 0.0, 0
    for row in ranked:
        shown = unit[row[row >= 0]]
        n = len(shown)
        if n < 2:
            continue
        # Off-diagonal sum of the cosine matrix: |sum of vectors|^2 less the sum of their squared lengths.
        pairs = float(np.square(shown.sum(axis=0)).sum() - np.square(shown).sum())
        total += 1 - pairs / (n * (n - 1))
        people += 1
    return total / people if people else float("nan")
