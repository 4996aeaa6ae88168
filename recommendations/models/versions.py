"""Model versions: one training each, with its state, its measurements and what the gate said."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def live(self) -> Self:
        """The live version: one row, or none before the first training."""
        return self.filter(status=ModelVersion.Status.LIVE)


class ModelVersion(models.Model):
    """One training of the nightly model. Exactly one version is live; flipping to another is one transaction."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        TRAINING = "training"
        READY = "ready", "Ready (trained, not live)"
        LIVE = "live"
        RETIRED = "retired", "Retired (was live)"
        REFUSED = "refused", "Refused (trained, did not pass the gate)"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    trigger = models.CharField(max_length=20, default="manual", help_text="What started it: manual, nightly or admin.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    algorithm = models.CharField(max_length=60, blank=True)
    hyperparameters = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True, help_text="Measured on a held-out split of the same data.")
    people = models.PositiveIntegerField(default=0)
    movies = models.PositiveIntegerField(default=0)
    interactions = models.PositiveBigIntegerField(default=0)
    stage = models.CharField(max_length=40, blank=True, help_text="The current stage of the training.")
    progress = models.FloatField(default=0, help_text="0 to 1.")
    peak_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)
    refusal = models.TextField(
        blank=True, help_text="Why the gate or the watch refused it. Kept if staff publish it anyway."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often the training was started.")
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="After an interrupted attempt: the earliest start of the next one."
    )
    scheduled_for = models.DateTimeField(
        null=True, blank=True, unique=True, help_text="The scheduled time that it was trained for."
    )
    artefacts = models.JSONField(
        default=dict, blank=True, editable=False, help_text="The SHA-256 of each model file, by file name."
    )
    serving = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="What its lists are made with, chosen by its training; empty: the defaults.",
    )
    watch = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="What came of its first lists, against the days before it; empty until the first look.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    live_at = models.DateTimeField(null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Consumer: every request that asks for the live version; two live versions cannot exist.
            models.UniqueConstraint(fields=["status"], condition=models.Q(status="live"), name="one_live_version"),
        ]

    def __str__(self) -> str:
        return f"version {self.pk} ({self.status})"


class VersionDecision(models.Model):
    """What staff, or the watch after publishing, decided about a version, with the reason. Never changed."""

    class Kind(models.TextChoices):
        PUBLISHED = "published"
        REJECTED = "rejected"
        RESTORED = "restored", "Restored (rolled back to)"
        WITHDRAWN = "withdrawn", "Withdrawn (rolled back from)"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField(max_length=9, choices=Kind)
    reason = models.CharField(max_length=300, help_text="Why, for other staff.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


# The condition of ``ModelVersion.objects.live()`` for raw SQL, on recommendations_modelversion as ``version``.
LIVE_VERSION = f"version.status = '{ModelVersion.Status.LIVE.value}'"
