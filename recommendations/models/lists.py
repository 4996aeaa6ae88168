"""Stored lists: everybody's of a model version, and the popular movies."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from events.fields import RealField
from movies.models import Genre, Movie
from recommendations.models.versions import ModelVersion


class BatchRecommendation(models.Model):
    """A person's list by one model version, best first, in one row."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="lists")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="batch_recommendations",
    )
    movie_ids = ArrayField(models.IntegerField())
    scores = ArrayField(RealField())
    predicted_ratings = ArrayField(
        RealField(),
        default=list,
        blank=True,
        help_text="Predicted, by movie, on the scale of the data; NaN if unknown. Empty if none were predicted.",
    )

    folded_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="What the person did until then is in the list; empty: until the version's training began.",
    )

    class Meta:
        db_table = "batch_recommendations"
        # Of the previews in the admin, which show one person's list, or who would like a movie.
        permissions = [("preview_lists", "Can preview the lists of people")]
        constraints = [
            # Consumer: serving, which reads one person's row of the live version.
            models.UniqueConstraint(fields=["user", "version"], name="batch_user_version"),
            models.CheckConstraint(
                condition=models.Q(movie_ids__len=models.F("scores__len")), name="batch_one_score_per_movie"
            ),
            models.CheckConstraint(
                condition=models.Q(predicted_ratings__len=0)
                | models.Q(predicted_ratings__len=models.F("movie_ids__len")),
                name="batch_a_rating_for_each_movie_or_none",
            ),
        ]

    def __str__(self) -> str:
        return f"list of user {self.user_id}, version {self.version_id}"


class PopularMovie(models.Model):
    """The popular movies of everyone (no genre) or of one genre, replaced hourly."""

    genre = models.ForeignKey(
        Genre, on_delete=models.CASCADE, null=True, blank=True, db_index=False, related_name="popular"
    )
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="+")
    rank = models.PositiveIntegerField()
    score = models.FloatField(help_text="Decayed by age and damped towards the mean; only comparable within one list.")
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["genre", "rank"]
        constraints = [
            # Consumer: popular lists and the fallback fill, which read one genre in rank order.
            models.UniqueConstraint(fields=["genre", "rank"], name="popular_genre_rank", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"#{self.rank} {self.movie_id}"
