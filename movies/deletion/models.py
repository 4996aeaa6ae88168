"""Deletions of movies, with their progress."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class MovieDeletion(models.Model):
    """A movie that is being deleted, or was. Its row outlives the movie."""

    # A plain number: the movie goes.
    movie_id = models.BigIntegerField()
    title = models.CharField(max_length=320, help_text="With its year.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField(default=timezone.now)
    rows = models.PositiveBigIntegerField(default=0, help_text="Rows of other tables that named it when it was hidden.")
    deleted = models.PositiveBigIntegerField(default=0, help_text="Rows that are deleted.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["movie_id"], condition=models.Q(finished_at=None), name="movie_deletion_once"
            )
        ]

    def __str__(self) -> str:
        return f"deletion of movie {self.movie_id}: {self.title}"

    @property
    def percent(self) -> int:
        """How much is done, 0 to 100."""
        if self.finished_at is not None:
            return 100
        return min(99, 100 * self.deleted // max(self.rows, 1))
