"""Experiments for tests."""

from collections.abc import Mapping
from typing import Any

from recommendations.experiments import services
from recommendations.experiments.services import NewArm
from recommendations.models import Experiment


def draft(name: str = "more-new", treatment: Mapping[str, Any] | None = None, **fields: Any) -> Experiment:
    """A draft with a control and one other arm of these overrides."""
    arms = [NewArm("control", control=True), NewArm("treatment", overrides=treatment or {"diversity": 0.9})]
    return services.experiment_create(name=name, **{"arms": arms} | fields)


def running(name: str = "more-new", treatment: Mapping[str, Any] | None = None, **fields: Any) -> Experiment:
    """The same, started."""
    return services.experiment_start(experiment=draft(name, treatment, **fields))


def everybody_treated(name: str = "more-new", treatment: Mapping[str, Any] | None = None) -> Experiment:
    """A running experiment in which nearly everybody, and each user of a test, is in the arm ``treatment``."""
    experiment = draft(name, treatment)
    experiment.arms.filter(name="control").update(weight=1)
    experiment.arms.filter(name="treatment").update(weight=1000)
    return services.experiment_start(experiment=experiment)
