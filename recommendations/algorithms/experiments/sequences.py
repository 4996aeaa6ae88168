"""Anytime-valid comparison of an arm with the control: valid however often, and whenever, somebody reads it.

A confidence sequence is an interval for each moment that covers the true difference at all moments together with
probability 1 - alpha; a p-value that belongs to it may be read daily and acted on at any time. A t-test read daily
finds a difference in one of eight experiments without any, not in 5% (the tests of this module show it).

Method: the normal-mixture sequence. Mixing the likelihood ratio of the difference over a normal prior N(0, effect**2)
gives a martingale, to which Ville's inequality applies (Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49(2), eq. 14; Johari, Koomen,
Pekelis & Walsh 2022, "Always valid inference", Operations Research 70(3)). With estimated variances it holds
asymptotically (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, "Time-uniform central limit theory and asymptotic
confidence sequences", Annals of Statistics 52(6)).

The unit is the person, because arms are assigned to people and the impressions of one person are not independent. A
metric is a ratio of sums over people (clicks to movies shown); its variance is that of the delta method, clustered by
person (Deng, Knoblich & Lu 2018, "Applying the delta method in metric analytics", KDD). People return on many days, so
time is counted in information, 1 / standard error**2: in it such estimates have independent increments (Scharfstein,
Tsiatis & Robins 1997, JASA 92(440)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.05
POWER = 0.8
# With fewer people in an arm the normal approximation is poor: no interval is given.
MIN_PEOPLE = 100
# The weight of the prior of the sample ratio test, in people: how near to the design a deviation is expected.
_RATIO_PRIOR = 1000.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """One arm's metric: a ratio of sums over people, its standard error (NaN if it cannot be known) and the people."""

    people: int
    total: float
    count: float
    mean: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval that holds at all looks together."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm's difference to the control.

    relative: the difference divided by the control's mean, None if that is 0. interval and p_value stay valid however
    often they are read. detectable: the difference that the data at hand would show with probability POWER or more.
    """

    difference: float
    relative: float | None
    standard_error: float
    interval: Interval
    p_value: float
    detectable: float


def estimate(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> Estimate:
    """The ratio sum(sums) / sum(counts) over n people, clustered by person.

    sums, counts: one value a person, float64 (n,); counts of 1 give a mean per person.
    """
    people, total, count = len(sums), float(sums.sum()), float(counts.sum())
    if people < 2 or count <= 0:
        return Estimate(people, total, count, math.nan, math.nan)
    mean = total / count
    # The influence of each person on the ratio: their sum beyond what the ratio expects of their count.
    variance = float(np.square(sums - mean * counts).sum()) / (people - 1) * people / count**2
    return Estimate(people, total, count, mean, math.sqrt(variance))


def half_width(standard_error: float, effect: float, alpha: float = ALPHA) -> float:
    """Half the width of the interval of the normal-mixture sequence.

    effect: the standard deviation of the prior, in units of the metric; the interval is tightest for differences about
    as large, and valid for every one, as long as it was fixed before the data came.
    """
    v, prior = standard_error**2, effect**2
    return math.sqrt(v * (v + prior) / prior * (math.log((v + prior) / v) - 2 * math.log(alpha)))


def always_valid_p(difference: float, standard_error: float, effect: float) -> float:
    """The p-value that may be read at any time: 1 / the mixture likelihood ratio, at most 1."""
    v, prior = standard_error**2, effect**2
    log_ratio = difference**2 * prior / (2 * v * (v + prior)) - math.log((v + prior) / v) / 2
    return math.exp(-max(log_ratio, 0.0))


def interval_of(found: Estimate, effect: float, alpha: float = ALPHA) -> Interval | None:
    """The interval of one arm's own metric; None with too few people or without variation."""
    if not _is_comparable(found):
        return None
    half = half_width(found.standard_error, effect, alpha)
    return Interval(found.mean - half, found.mean + half)


def compare(arm: Estimate, control: Estimate, *, effect: float, alpha: float = ALPHA) -> Comparison | None:
    """The difference of an arm to the control; None with too few people, or where nothing varies.

    alpha: with several arms, ALPHA divided by their number beside the control (Bonferroni).
    """
    if not (_is_comparable(arm) and _is_comparable(control)):
        return None
    difference = arm.mean - control.mean
    error = math.hypot(arm.standard_error, control.standard_error)
    half = half_width(error, effect, alpha)
    return Comparison(
        difference,
        difference / control.mean if control.mean else None,
        error,
        Interval(difference - half, difference + half),
        always_valid_p(difference, error, effect),
        detectable_effect(error, effect, alpha),
    )


def detectable_effect(standard_error: float, effect: float, alpha: float = ALPHA, power: float = POWER) -> float:
    """The difference that one look with this standard error shows with that probability; earlier looks only add."""
    return half_width(standard_error, effect, alpha) + NormalDist().inv_cdf(power) * standard_error


def people_needed(deviation: float, effect: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """The number of people in each of two equal arms, at most, to show ``effect`` with that probability.

    deviation: the standard deviation of the metric's influence per person (standard error x square root of the people).
    """
    low, high = 1, 2
    while detectable_effect(deviation * math.sqrt(2 / high), effect, alpha, power) > effect and high < 2**40:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = detectable_effect(deviation * math.sqrt(2 / middle), effect, alpha, power) <= effect
        low, high = (low, middle) if enough else (middle, high)
    return max(high, MIN_PEOPLE)


def sample_ratio_p(people: Sequence[int], weights: Sequence[float]) -> float:
    """How well the numbers of people fit the arms' weights: a p-value that may be read at any time.

    A small one (below 0.001) means that assignment or logging is broken, so that no other figure counts. The test of
    Lindon & Malek 2022, "Anytime-valid inference for multinomial count data", NeurIPS.
    """
    shares = [weight / sum(weights) for weight in weights]
    log_ratio = math.lgamma(_RATIO_PRIOR) - math.lgamma(_RATIO_PRIOR + sum(people))
    for seen, share in zip(people, shares, strict=True):
        prior = _RATIO_PRIOR * share
        log_ratio += math.lgamma(prior + seen) - math.lgamma(prior) - seen * math.log(share)
    return math.exp(-max(log_ratio, 0.0))


def _is_comparable(found: Estimate) -> bool:
    return found.people >= MIN_PEOPLE and math.isfinite(found.standard_error) and found.standard_error > 0
