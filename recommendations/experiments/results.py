"""An experiment's results: each arm's metric, and its difference to the control with an always-valid interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.utils import timezone

from recommendations.algorithms.experiments.sequences import (
    ALPHA,
    MIN_PEOPLE,
    Comparison,
    Estimate,
    Interval,
    compare,
    estimate,
    interval_of,
    people_needed,
    sample_ratio_p,
)
from recommendations.experiments.observations import ArmObservations, arm_observations, observation_end
from recommendations.experiments.selectors import usable_versions
from recommendations.models import Experiment

# Below this the numbers of people do not fit the weights.
SAMPLE_RATIO_ALPHA = 0.001


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm. mean: None without data; interval and comparison: None with too little; comparison: not the control's.

    deviation: of the metric's influence per person, from which the needed people are computed.
    """

    name: str
    control: bool
    people: int
    impressions: int
    mean: float | None
    interval: Interval | None
    comparison: Comparison | None
    deviation: float | None


@dataclass(frozen=True, slots=True)
class ExperimentResults:
    """The results at one look.

    as_of: the end of what was counted. alpha: the chance of any false difference, over all arms and looks.
    people_needed: in each arm, to find the experiment's effect four times of five; None before it can be known.
    """

    experiment: Experiment
    as_of: datetime
    alpha: float
    arms: tuple[ArmResult, ...]
    sample_ratio_p: float
    people_needed: int | None
    warnings: tuple[str, ...]


def experiment_results(*, experiment: Experiment) -> ExperimentResults:
    """The results now; for an experiment that is over, at its end. Four queries at most."""
    now = timezone.now()
    return results_of(experiment, arm_observations(experiment, now=now), now)


def results_of(experiment: Experiment, observed: ArmObservations, now: datetime) -> ExperimentResults:
    """The results of these observations. One query if an arm ranks with a version of its own."""
    rows = list(experiment.arms.all())
    estimates = [_estimate_of(observed, place) for place in range(len(rows))]
    control = next((found for row, found in zip(rows, estimates, strict=True) if row.control), None)
    alpha = ALPHA / max(1, len(rows) - 1)
    arms = []
    for place, (row, found) in enumerate(zip(rows, estimates, strict=True)):
        compared = None
        if control is not None and not row.control:
            compared = compare(found, control, effect=experiment.effect, alpha=alpha)
        interval = interval_of(found, experiment.effect, alpha)
        chosen = observed.arm == place
        people, impressions = int(chosen.sum()), int(observed.impressions[chosen].sum())
        mean = None if math.isnan(found.mean) else found.mean
        deviation = None if interval is None else found.standard_error * math.sqrt(people)
        arms.append(ArmResult(row.name, row.control, people, impressions, mean, interval, compared, deviation))
    numbers = [arm.people for arm in arms]
    ratio = sample_ratio_p(numbers, [row.weight for row in rows]) if rows else 1.0
    return ExperimentResults(
        experiment,
        observation_end(experiment, now) if experiment.started_at else now,
        ALPHA,
        tuple(arms),
        ratio,
        _people_needed(arms, experiment.effect, alpha),
        tuple(_warnings(experiment, numbers, ratio)),
    )


def _estimate_of(observed: ArmObservations, place: int) -> Estimate:
    # A person without a count, who rated nothing for example, has no part in a ratio.
    chosen = (observed.arm == place) & (observed.counts > 0)
    return estimate(observed.sums[chosen], observed.counts[chosen])


def _people_needed(arms: list[ArmResult], effect: float, alpha: float) -> int | None:
    deviations = [arm.deviation for arm in arms if arm.deviation is not None]
    return people_needed(float(np.max(deviations)), effect, alpha) if deviations else None


def _warnings(experiment: Experiment, people: list[int], ratio: float) -> list[str]:
    found = []
    if experiment.started_at is None:
        found.append("The experiment has not been started.")
    elif min(people, default=0) < MIN_PEOPLE:
        found.append(f"Arms with fewer than {MIN_PEOPLE} people are not compared.")
    if ratio < SAMPLE_RATIO_ALPHA:
        found.append("The numbers of people do not fit the weights: assignment or logging is broken. Do not decide.")
    wanted = {version for arm in experiment.arms.all() if (version := arm.overrides.get("model_version"))}
    if wanted and (gone := sorted(wanted - usable_versions(wanted))) and experiment.status == Experiment.Status.RUNNING:
        found.append(f"Version {', '.join(map(str, gone))} is gone: the live version ranks instead.")
    return found
