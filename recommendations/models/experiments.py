"""Experiments on lists: arms with overrides of serving, compared by a metric."""

from __future__ import annotations

import secrets

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.db import models
from django.utils import timezone


def new_salt() -> str:
    """A salt of its own for each experiment, so that its arms are independent of those of others."""
    return secrets.token_hex(8)


class Experiment(models.Model):
    """A comparison of arms on a share of the people. Nothing is stored of a person: their arm follows from a hash."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        RUNNING = "running"
        STOPPED = "stopped"

    class Metric(models.TextChoices):
        CLICK_THROUGH = "click_through", "Click-through: shown movies that were opened"
        WATCH_THROUGH = "watch_through", "Watch-through: shown movies that were watched"
        HOURS = "hours", "Hours watched per person"
        RATING = "rating", "Rating of shown movies"

    name = models.SlugField(max_length=60, unique=True, help_text="It is in answers and in the log of lists.")
    description = models.TextField(blank=True, max_length=2000)
    status = models.CharField(max_length=7, choices=Status, default=Status.DRAFT, editable=False)
    metric = models.CharField(max_length=13, choices=Metric, default=Metric.CLICK_THROUGH)
    effect = models.FloatField(
        help_text="The smallest difference of the metric worth finding. Intervals are tightest near it; fixed before "
        "the start."
    )
    share = models.FloatField(default=1.0, help_text="The share of the people who take part, above 0 to 1.")
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    # Reserved when it starts: [from, to), of assignment.BUCKETS.
    buckets = IntegerRangeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="When it ends by itself; empty: when stopped.")
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(share__gt=0, share__lte=1), name="experiment_share"),
            models.CheckConstraint(condition=models.Q(effect__gt=0), name="experiment_effect_above_0"),
            models.CheckConstraint(
                condition=models.Q(status="draft") | models.Q(buckets__isnull=False, started_at__isnull=False),
                name="experiment_started_with_buckets",
            ),
            # Two running experiments never have a person in common.
            ExclusionConstraint(
                name="experiment_buckets_exclusive",
                expressions=[("buckets", RangeOperators.OVERLAPS)],
                condition=models.Q(status="running"),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ExperimentArm(models.Model):
    """One way of serving within an experiment; the control is what the others are compared with."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    name = models.SlugField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0, editable=False)
    weight = models.PositiveSmallIntegerField(default=1, help_text="Its share of the experiment's people, 1 to 1000.")
    control = models.BooleanField(default=False)
    overrides = models.JSONField(
        default=dict,
        blank=True,
        help_text='What differs from normal serving: "blend" (batch, realtime, newer_decay, batch_floor, '
        'popularity_prior), "diversity", "group_cap", "exploration_places", "model_version"; or "holdout": true.',
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "name"], name="experiment_arm_name"),
            models.UniqueConstraint(
                fields=["experiment"], condition=models.Q(control=True), name="experiment_one_control"
            ),
            models.CheckConstraint(condition=models.Q(weight__range=(1, 1000)), name="experiment_arm_weight"),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.name}"
