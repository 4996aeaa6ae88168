"""What staff changed of a movie."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class MovieChange(models.Model):
    """One change of one movie: the values of the changed fields before and after (see movies.changes.snapshots)."""

    class Kind(models.TextChoices):
        ADDED = "added"
        EDITED = "edited"
        BULK = "bulk", "edited with others"
        IMPORTED = "imported"
        UNDONE = "undone", "change undone"

    movie = models.ForeignKey("movies.Movie", on_delete=models.CASCADE, related_name="changes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    before = models.JSONField(help_text="The changed fields as they were; empty for a new movie.")
    after = models.JSONField(help_text="The same fields as they became.")
    undoes = models.OneToOneField("self", on_delete=models.CASCADE, null=True, related_name="undone_by")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Consumer: the history of a movie, and the undo, which reads its newest change.
            models.Index(fields=["movie", "-id"], name="movie_change_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.changed_at:%Y-%m-%d %H:%M}"
