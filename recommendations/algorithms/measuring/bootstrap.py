"""Confidence intervals of means over people, by percentile bootstrap.

B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the interval that holds it at the given confidence."""

    mean: float
    low: float
    high: float


def mean_interval(
    values: NDArray[np.floating], *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Mean of ``values``, shape (people,), with its bootstrap interval over people; NaN entries are ignored.

    Raises ValueError if no value is left, or for a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}.")
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        raise ValueError("There is nobody to average over: the test part is empty.")
    rng = np.random.default_rng(seed)
    means = np.array([known[rng.integers(0, len(known), len(known))].mean() for _ in range(resamples)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(known.mean()), float(low), float(high))


def difference_interval(
    ours: NDArray[np.floating], theirs: NDArray[np.floating], *, resamples: int = 1000, seed: int = 0
) -> Interval:
    """The mean of ``ours - theirs`` over the same people, paired, with its 95% interval."""
    if len(ours) != len(theirs):
        raise ValueError(f"A paired difference needs the same people: {len(ours)} against {len(theirs)}.")
    return mean_interval(np.asarray(ours) - np.asarray(theirs), resamples=resamples, seed=seed)
