"""Which experiment and arm a person is in, without a query: each process keeps the running experiments.

They are valid under the database's state (retrieval.database_state), which a start or a stop changes: so every process
sees it within a second, and at once where it reads the catalogue's new token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog
from django.utils import timezone

from recommendations.algorithms.experiments.assignment import arm_index, bucket_of
from recommendations.experiments.overrides import ConfigError, Overrides, overrides_read
from recommendations.models import Experiment, ExperimentArm
from recommendations.retrieval.database_state import DatabaseState, current_state, state_under

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person's experiment and arm, by name, and what the arm changes; both names are empty outside experiments."""

    experiment: str = ""
    arm: str = ""
    overrides: Overrides = field(default_factory=Overrides)

    @property
    def token(self) -> str:
        """A part of the version tokens of a cached list: it is valid in this arm only. Without spaces."""
        return f"{self.experiment}/{self.arm}" if self.experiment else ""

    def as_json(self) -> dict[str, str] | None:
        """As answers show it."""
        return {"name": self.experiment, "arm": self.arm} if self.experiment else None


NO_ASSIGNMENT = Assignment()


@dataclass(frozen=True, slots=True)
class _Running:
    """A running experiment. buckets: [start, end); arms and weights in the same order."""

    salt: str
    start: int
    end: int
    ends_at: datetime | None
    arms: tuple[Assignment, ...]
    weights: tuple[int, ...]


_held: tuple[bytes, tuple[_Running, ...]] | None = None


def assignment_for(user_id: int) -> Assignment:
    """The person's assignment at this moment. At most one query a second, and one more after a change."""
    state = current_state()
    return assignment_under(user_id, state if state.text else state_under(state.token))


def assignment_under(user_id: int, state: DatabaseState) -> Assignment:
    """The person's assignment under that state; none while the state has not been read. No query if it is known."""
    return _assigned(user_id, running=_running(state)) if state.text else NO_ASSIGNMENT


def assigner(state: DatabaseState) -> Callable[[int], Assignment]:
    """``assignment_under`` for a state that has been read: queries are made now, and none by the result's calls."""
    return partial(_assigned, running=_running(state))


def _assigned(user_id: int, *, running: tuple[_Running, ...]) -> Assignment:
    if not running:
        return NO_ASSIGNMENT
    bucket = bucket_of(user_id)
    for experiment in running:
        if experiment.start <= bucket < experiment.end:
            if experiment.ends_at is not None and experiment.ends_at <= timezone.now():
                return NO_ASSIGNMENT
            return experiment.arms[arm_index(experiment.salt, user_id, experiment.weights)]
    return NO_ASSIGNMENT


def clear_cache() -> None:
    """Makes the next call read the running experiments again, for example after the tables have been replaced."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    _held = None


def _running(state: DatabaseState) -> tuple[_Running, ...]:
    global _held  # noqa: PLW0603
    held = _held
    if held is None or held[0] != state.text:
        held = _held = state.text, _read()
    return held[1]


def _read() -> tuple[_Running, ...]:
    """Two queries; one if none is running."""
    rows = Experiment.objects.filter(status=Experiment.Status.RUNNING).prefetch_related("arms")
    found = []
    for row in rows:
        arms = list(row.arms.all())
        if arms and row.buckets is not None:
            assignments = tuple(Assignment(row.name, arm.name, _overrides(arm)) for arm in arms)
            weights = tuple(arm.weight for arm in arms)
            found.append(_Running(row.salt, row.buckets.lower, row.buckets.upper, row.ends_at, assignments, weights))
    return tuple(found)


def _overrides(arm: ExperimentArm) -> Overrides:
    """The arm's overrides; none where this release cannot read them, which is logged."""
    try:
        return overrides_read(arm.overrides)
    except ConfigError as error:
        logger.error("experiment_overrides_not_readable", experiment=arm.experiment_id, arm=arm.name, reason=str(error))
        return Overrides()
