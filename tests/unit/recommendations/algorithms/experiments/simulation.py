"""Simulates experiments that are read daily, many at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.experiments.sequences import MIN_PEOPLE, half_width

DAYS = 35
PEOPLE = 300
SHOWN = 10
# Standard normal, two-sided 5%.
NAIVE = 1.959964
_BLOCK = 200


@dataclass(frozen=True)
class Decided:
    """Which of n experiments called a difference on any day, bool (n,); errors: standard errors on the last, (n,)."""

    always_valid: NDArray[np.bool_]
    naive: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    errors: NDArray[np.float64]


def simulate(experiments: int, *, lift: float, effect: float, seed: int) -> Decided:
    """Two arms of PEOPLE people each, read on each of DAYS days.

    People join over three weeks, and return at rates of their own, some a hundred times as often as others; each visit
    shows SHOWN movies, which they click with a rate of their own, 8% on average. lift: added to each rate in the
    second arm. effect: the prior of the sequence.
    """
    rng = np.random.default_rng(seed)
    blocks = [_block(rng, min(_BLOCK, experiments - start), lift, effect) for start in range(0, experiments, _BLOCK)]
    return Decided(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _block(rng: np.random.Generator, n: int, lift: float, effect: float) -> tuple[NDArray, ...]:
    shape = (n, 2, PEOPLE)
    click_rates = rng.beta(1.5, 17.25, shape) + np.array([0.0, lift])[:, None]
    visit_rates = rng.gamma(0.5, 0.8, shape)
    joined = rng.integers(0, 21, shape)
    clicks, shown = np.zeros(shape), np.zeros(shape)
    always_valid, naive, covered = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.ones(n, np.bool_)
    errors = np.full(n, np.nan)
    for day in range(DAYS):
        today = rng.poisson(visit_rates * (joined <= day)) * SHOWN
        active = today > 0
        shown += today
        clicks[active] += rng.binomial(today[active], click_rates[active])
        difference, errors, readable = _difference(clicks, shown)
        halves = np.array([half_width(error, effect) if error > 0 else np.inf for error in errors])
        always_valid |= readable & (np.abs(difference) > halves)
        covered &= ~readable | (np.abs(difference - lift) <= halves)
        naive |= readable & (np.abs(difference) > NAIVE * errors)
    return always_valid, naive, covered, errors


def _difference(clicks: NDArray, shown: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """As ``sequences.estimate`` and ``compare``, for many experiments at once; people without a visit are not in."""
    people = (shown > 0).sum(axis=2)
    counts = np.maximum(shown.sum(axis=2), 1)
    means = clicks.sum(axis=2) / counts
    squares = np.square(clicks - means[:, :, None] * shown).sum(axis=2)
    variances = squares / np.maximum(people - 1, 1) * people / counts**2
    return means[:, 1] - means[:, 0], np.sqrt(variances.sum(axis=1)), (people >= MIN_PEOPLE).all(axis=1)
