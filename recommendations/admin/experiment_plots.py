"""What the page of an experiment's results draws: each arm with its interval. See plots.js."""

from __future__ import annotations

from typing import Any

from recommendations.algorithms.experiments.sequences import Interval
from recommendations.experiments.results import ExperimentResults


def interval_plots(results: ExperimentResults) -> dict[str, list[dict[str, Any]]]:
    """The plots "means" and "differences" (to the control); an arm with too little data is in neither.

    Each row has name, value, low, high, and clear: whether a difference is a finding, its interval beside 0.
    """
    means = [
        _row(f"{arm.name} (control)" if arm.control else arm.name, arm.mean, arm.interval, clear=False)
        for arm in results.arms
        if arm.interval is not None and arm.mean is not None
    ]
    differences = [
        _row(arm.name, found.difference, found.interval, clear=found.interval.low > 0 or found.interval.high < 0)
        for arm in results.arms
        if (found := arm.comparison) is not None
    ]
    return {"means": means, "differences": differences}


def _row(name: str, value: float, interval: Interval, *, clear: bool) -> dict[str, Any]:
    return {"name": name, "value": value, "low": interval.low, "high": interval.high, "clear": clear}
