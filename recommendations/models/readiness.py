"""How ready a movie is to be recommended, counted every night."""

from django.db import models
from django.utils import timezone

from movies.models import Movie


class MovieReadiness(models.Model):
    """What takes a pass over all ratings and lists to know about one movie. No row: it is newer than the last count.

    Deleting a movie leaves its row to the next count, so that a deletion waits for no table more.
    """

    movie = models.OneToOneField(
        Movie, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True, related_name="readiness"
    )
    ratings = models.PositiveIntegerField(default=0, help_text="Ratings of people and of imported data.")
    lists = models.PositiveIntegerField(
        default=0, help_text="People of the live version's lists who have it in one of their first places."
    )
    counted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "readiness of movies"
        indexes = [
            # Consumer: the age of the count, on the page of the catalogue's readiness.
            models.Index(fields=["counted_at"], name="readiness_counted_at"),
        ]

    def __str__(self) -> str:
        return f"movie {self.pk}: {self.ratings} ratings, {self.lists} lists"
