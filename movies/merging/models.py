"""Merges of duplicates, with what is needed to undo each."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class MovieMerge(models.Model):
    """A duplicate that was merged into another movie. The duplicate keeps its row, of the status "merged"."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested (runs in the background)"
        DONE = "done"
        UNDO_REQUESTED = "undoing", "To be undone (runs in the background)"
        UNDONE = "undone"
        FAILED = "failed", "Failed (nothing was changed)"

    duplicate = models.ForeignKey("movies.Movie", on_delete=models.CASCADE, related_name="merges_away")
    target = models.ForeignKey("movies.Movie", on_delete=models.CASCADE, related_name="merges_in")
    reason = models.CharField(max_length=300, help_text="Why, for other staff.")
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    merged_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    duplicate_status = models.CharField(max_length=10, blank=True, help_text="The duplicate's status before.")
    moved = models.JSONField(default=dict, blank=True, help_text="How many rows of each table moved.")
    filled = models.JSONField(default=dict, blank=True, help_text="What the target lacked and took from the duplicate.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two merges of one duplicate cannot be under way or in force.
            models.UniqueConstraint(
                fields=["duplicate"],
                condition=models.Q(state__in=["requested", "done", "undoing"]),
                name="merge_duplicate_once",
            ),
            models.CheckConstraint(condition=~models.Q(duplicate=models.F("target")), name="merge_of_two_movies"),
        ]
        indexes = [
            # Consumer: the sweep, which asks each time whether anything waits.
            models.Index(fields=["id"], condition=models.Q(state__in=["requested", "undoing"]), name="merge_waiting"),
        ]

    def __str__(self) -> str:
        return f"merge {self.pk}: movie {self.duplicate_id} into {self.target_id}"


class MergedRows(models.Model):
    """Primary keys of rows that a merge moved, a few thousand in each row of this table."""

    merge = models.ForeignKey(MovieMerge, on_delete=models.CASCADE, related_name="rows")
    table = models.CharField(max_length=63)
    ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"{len(self.ids)} rows of {self.table}"
