"""Windows of availability."""

from django.core.exceptions import ValidationError
from django.db import models

from movies.availability.regions import REGIONS, region_error


def region_validate(value: str) -> None:
    """Raises ValidationError unless the code is a region's."""
    if value not in REGIONS:
        raise ValidationError(region_error(value))


class MovieAvailability(models.Model):
    """A window in which a movie is available in one region. A movie may have several, also in one region.

    Triggers record each change of the table for cached lists (migration movie_availability), whoever makes it.
    """

    movie = models.ForeignKey("movies.Movie", on_delete=models.CASCADE, related_name="availability")
    region = models.CharField(
        max_length=2, validators=[region_validate], help_text="Two capital letters of ISO 3166-1, such as SE."
    )
    available_from = models.DateField(null=True, blank=True, help_text="The first day, in UTC. Empty: since ever.")
    available_to = models.DateField(null=True, blank=True, help_text="The last day, in UTC. Empty: without an end.")

    class Meta:
        ordering = ["region", "available_from", "id"]
        verbose_name = "availability"
        verbose_name_plural = "availability"
        constraints = [
            # Consumer: the conditions of lists and the admin's inline, by movie.
            models.UniqueConstraint(
                fields=["movie", "region", "available_from"],
                nulls_distinct=False,
                name="movie_availability_once",
                violation_error_message="There is a window of this region from this day already.",
            ),
            models.CheckConstraint(
                condition=models.Q(available_from=None)
                | models.Q(available_to=None)
                | models.Q(available_from__lte=models.F("available_to")),
                name="movie_availability_begins_before_it_ends",
                violation_error_message="The first day must not be after the last one.",
            ),
            models.CheckConstraint(condition=models.Q(region__regex="^[A-Z]{2}$"), name="movie_availability_region"),
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.available_from or '…'} to {self.available_to or '…'}"
