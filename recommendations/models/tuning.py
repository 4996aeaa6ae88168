"""Searches for hyperparameters, and each configuration they measured."""

from django.db import models
from django.utils import timezone


class TuningRun(models.Model):
    """One search for hyperparameters. Training uses what the newest finished one found, if it improves."""

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    trigger = models.CharField(max_length=20, default="manual", help_text="What started it: manual or weekly.")
    seed = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0, help_text="People whose held-out likes were measured.")
    shipped_value = models.FloatField(
        null=True, help_text="nDCG@10 of the shipped configuration on the validation split."
    )
    best_value = models.FloatField(null=True, help_text="nDCG@10 of the best configuration on the same split.")
    shipped_holdout_value = models.FloatField(
        null=True, help_text="nDCG@10 of the shipped configuration on a second split, which the search does not read."
    )
    best_holdout_value = models.FloatField(
        null=True, help_text="nDCG@10 of the best configuration on the second split."
    )
    improves = models.BooleanField(
        default=False,
        help_text="Whether the best one is better than the shipped one on both splits; training then uses it.",
    )
    configuration = models.JSONField(
        default=dict, blank=True, help_text="The best configuration, in the form that training reads."
    )
    error = models.TextField(blank=True)
    interrupted = models.BooleanField(
        default=False, help_text="Whether its process or the database failed; the weekly search then starts again."
    )
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"tuning {self.pk} ({self.status})"


class TuningTrial(models.Model):
    """One configuration that a search measured, written as soon as it was."""

    class State(models.TextChoices):
        COMPLETE = "complete"
        FAILED = "failed", "Failed (could not be fitted)"

    run = models.ForeignKey(TuningRun, on_delete=models.CASCADE, related_name="trials", db_index=False)
    number = models.PositiveIntegerField()
    part = models.CharField(
        max_length=20, help_text="The varied part (autoencoder, als or weights), or the compared configuration."
    )
    parameters = models.JSONField(default=dict, blank=True)
    value = models.FloatField(null=True, help_text="nDCG@10 on the validation split.")
    seconds = models.FloatField()
    state = models.CharField(max_length=10, choices=State, default=State.COMPLETE)

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            # Consumer: the admin and the command, which list a run's trials.
            models.UniqueConstraint(fields=["run", "number"], name="tuning_trial_number"),
        ]

    def __str__(self) -> str:
        return f"trial {self.number} of tuning {self.run_id}"
