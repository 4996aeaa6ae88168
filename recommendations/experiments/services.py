"""Creates, changes, starts and stops experiments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import transaction_lock
from recommendations.algorithms.experiments.assignment import BUCKETS, MAX_WEIGHT, first_free_range
from recommendations.experiments.overrides import ConfigError, overrides_read
from recommendations.experiments.selectors import overdue, usable_versions
from recommendations.models import Experiment, ExperimentArm

logger = structlog.get_logger(__name__)

Status, Metric = Experiment.Status, Experiment.Metric
MAX_ARMS = 10
# Differences that are usually worth finding, in the units of the metric.
DEFAULT_EFFECTS: Mapping[str, float] = {
    Metric.CLICK_THROUGH: 0.01,
    Metric.WATCH_THROUGH: 0.01,
    Metric.HOURS: 0.25,
    Metric.RATING: 0.1,
}
# What may still change while it runs: nothing that decides who sees what, or what is measured.
_CHANGEABLE_RUNNING = {"description", "ends_at"}


@dataclass(frozen=True, slots=True)
class NewArm:
    """An arm as it is asked for."""

    name: str
    weight: int = 1
    control: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)


def experiment_create(
    *,
    name: str,
    arms: Sequence[NewArm],
    description: str = "",
    metric: str = Metric.CLICK_THROUGH,
    effect: float | None = None,
    share: float = 1.0,
    ends_at: datetime | None = None,
) -> Experiment:
    """A draft with its arms; nobody is in it until it is started. Raises ValidationError naming the field.

    effect: by default that of DEFAULT_EFFECTS.
    """
    experiment = Experiment(
        name=name,
        description=description,
        metric=metric,
        effect=DEFAULT_EFFECTS.get(metric, 0.01) if effect is None else effect,
        share=share,
        ends_at=ends_at,
    )
    _check(experiment)
    arms_check(arms)
    with transaction.atomic():
        experiment.save()
        _arms_replace(experiment, arms)
    return experiment


def experiment_update(*, experiment: Experiment, arms: Sequence[NewArm] | None = None, **changes: Any) -> Experiment:
    """Change a draft; of a running experiment only its description and its end. Raises ValidationError.

    changes: fields of ``experiment_create``. A new metric without an effect gets the default one.
    """
    with transaction.atomic():
        row = Experiment.objects.select_for_update().get(pk=experiment.pk)
        changed = {name for name, value in changes.items() if getattr(row, name) != value}
        changed |= {"arms"} if arms is not None else set()
        allowed = {Status.DRAFT: changed, Status.RUNNING: _CHANGEABLE_RUNNING, Status.STOPPED: {"description"}}
        if refused := sorted(changed - allowed[Status(row.status)]):
            raise ValidationError(dict.fromkeys(refused, f"This cannot change: the experiment is {row.status}."))
        if "metric" in changed and "effect" not in changes:
            changes["effect"] = DEFAULT_EFFECTS.get(changes["metric"], row.effect)
        for name, value in changes.items():
            setattr(row, name, value)
        _check(row)
        row.save()
        if arms is not None:
            arms_check(arms)
            _arms_replace(row, arms)
        if row.status == Status.RUNNING:
            invalidate_catalogue_on_commit()
    return row


def experiment_start(*, experiment: Experiment) -> Experiment:
    """Start a draft: reserve its share of the people, and change their lists within a second.

    Raises ValidationError if it was started before, its arms cannot be compared, a model version is gone, or other
    experiments leave no room.
    """
    with transaction.atomic():
        transaction_lock("experiments")
        _stop_overdue()
        row = Experiment.objects.select_for_update().get(pk=experiment.pk)
        if row.status != Status.DRAFT:
            raise ValidationError(f"The experiment is {row.status}: only a draft can be started. Make another one.")
        _check(row)
        _check_startable(row)
        row.buckets = _reserve(row.share)
        row.status, row.started_at = Status.RUNNING, timezone.now()
        row.save(update_fields=["status", "started_at", "buckets"])
        invalidate_catalogue_on_commit()
    logger.info("experiment_started", experiment=row.name, buckets=str(row.buckets))
    return row


def experiment_stop(*, experiment: Experiment) -> Experiment:
    """Stop a running experiment: its people get normal lists again within a second. Raises ValidationError.

    Stopping a stopped one changes nothing.
    """
    with transaction.atomic():
        transaction_lock("experiments")
        _stop_overdue()
        row = Experiment.objects.select_for_update().get(pk=experiment.pk)
        if row.status == Status.DRAFT:
            raise ValidationError("The experiment was never started.")
        if row.status == Status.STOPPED:
            return row
        row.status, row.stopped_at = Status.STOPPED, timezone.now()
        row.save(update_fields=["status", "stopped_at"])
        invalidate_catalogue_on_commit()
    logger.info("experiment_stopped", experiment=row.name)
    return row


def _stop_overdue() -> None:
    """Stop the experiments whose end has passed, at that time; serving has ended them already."""
    for row in Experiment.objects.select_for_update().filter(overdue()):
        row.status, row.stopped_at = Status.STOPPED, row.ends_at
        row.save(update_fields=["status", "stopped_at"])


def _reserve(share: float) -> NumericRange:
    running = Experiment.objects.filter(status=Status.RUNNING).values_list("buckets", flat=True)
    taken = [(buckets.lower, buckets.upper) for buckets in running if buckets is not None]
    found = first_free_range(taken, round(share * BUCKETS))
    if found is None:
        free = 1 - sum(high - low for low, high in taken) / BUCKETS
        message = f"Running experiments leave {free:.2%} of the people; this one needs {share:.2%} in one piece."
        raise ValidationError({"share": message})
    return NumericRange(*found)


def _check(experiment: Experiment) -> None:
    """Raises ValidationError naming the invalid fields."""
    errors: dict[str, str] = {}
    if not math.isfinite(experiment.effect) or experiment.effect <= 0:
        errors["effect"] = "A number above 0."
    if not 1 / BUCKETS <= experiment.share <= 1:  # NaN fails as well.
        errors["share"] = f"From {1 / BUCKETS} to 1."
    if experiment.status == Status.DRAFT and experiment.ends_at is not None and experiment.ends_at <= timezone.now():
        errors["ends_at"] = "This is in the past."
    if errors:
        raise ValidationError(errors)
    experiment.full_clean(exclude=["salt", "buckets"])


def arms_check(arms: Sequence[NewArm]) -> None:
    """Raises ValidationError naming ``arms`` if they cannot be compared or one cannot be read."""
    names = [arm.name for arm in arms]
    problems = [
        f"{arm.name}: the weight is from 1 to {MAX_WEIGHT}." for arm in arms if not 1 <= arm.weight <= MAX_WEIGHT
    ]
    if not 2 <= len(arms) <= MAX_ARMS:
        problems.append(f"An experiment has 2 to {MAX_ARMS} arms.")
    if len(set(names)) < len(names):
        problems.append("Two arms have the same name.")
    if sum(arm.control for arm in arms) != 1:
        problems.append("Exactly one arm is the control.")
    for arm in arms:
        try:
            overrides_read(arm.overrides)
        except ConfigError as error:
            problems.append(f"{arm.name}: {error}")
    if problems:
        raise ValidationError({"arms": problems})


def _check_startable(experiment: Experiment) -> None:
    """Checks the stored arms, which the admin may have changed, and their versions."""
    rows = experiment.arms.all()
    arms = [NewArm(arm.name, arm.weight, arm.control, arm.overrides) for arm in rows]
    arms_check(arms)
    wanted = {version for arm in arms if (version := overrides_read(arm.overrides).model_version) is not None}
    if gone := sorted(wanted - usable_versions(wanted)):
        numbers = ", ".join(map(str, gone))
        raise ValidationError({"arms": f"There is no model version {numbers} with vectors to rank by."})


def _arms_replace(experiment: Experiment, arms: Sequence[NewArm]) -> None:
    experiment.arms.all().delete()
    rows = [
        ExperimentArm(
            experiment=experiment,
            position=position,
            name=arm.name,
            weight=arm.weight,
            control=arm.control,
            overrides=dict(arm.overrides),
        )
        for position, arm in enumerate(arms)
    ]
    for row in rows:
        row.full_clean(exclude=["experiment"], validate_constraints=False)
    try:
        with transaction.atomic():
            ExperimentArm.objects.bulk_create(rows)
    except IntegrityError as error:
        raise ValidationError({"arms": "The experiment was changed at the same time."}) from error
