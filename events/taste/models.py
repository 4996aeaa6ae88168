"""What a person brought from another site, until they confirm it or a day has passed."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from events.taste.formats.matching import OUTCOMES, REASONS


class TasteImport(models.Model):
    """One file that was read and matched. Nothing of it counts before it is confirmed."""

    class State(models.TextChoices):
        PENDING = "pending"
        CONFIRMED = "confirmed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="taste_imports")
    source = models.CharField(max_length=20, help_text="The site that the file comes from.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    summary = models.JSONField(default=dict, help_text="Numbers of rows and films, by what became of them.")
    result = models.JSONField(default=dict, help_text="What was recorded when it was confirmed.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [
            # Consumer: the nightly clean-up, which reads those that expired.
            models.Index(fields=["created_at"], name="taste_import_created"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} from {self.source}"


class TasteImportFilm(models.Model):
    """One film of the file, with what the person said of it and the movies that it may be.

    Those that were recorded are deleted when the import is confirmed.
    """

    taste_import = models.ForeignKey(TasteImport, on_delete=models.CASCADE, db_index=False, related_name="films")
    # Repeated here, so that exports and deletions find the row as one of the person.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="taste_import_films")
    position = models.PositiveIntegerField(help_text="The place in the file, from 1.")
    title = models.CharField(max_length=300, blank=True)
    year = models.PositiveSmallIntegerField(null=True)
    imdb_id = models.CharField(max_length=12, blank=True)
    tmdb_id = models.PositiveIntegerField(null=True)
    movielens_id = models.PositiveIntegerField(null=True)
    file = models.CharField(max_length=200, help_text="The file of its first row.")
    line = models.PositiveIntegerField()
    rows = models.PositiveIntegerField(default=1, help_text="How many rows were merged.")
    replaced = models.PositiveIntegerField(default=0, help_text="How many older ratings a newer one replaced.")
    outcome = models.CharField(max_length=10, choices=[(outcome, outcome) for outcome in OUTCOMES])
    reason = models.CharField(max_length=20, choices=list(REASONS.items()))
    # No foreign keys: a movie that is deleted meanwhile is not recorded.
    candidates = ArrayField(models.BigIntegerField(), default=list, help_text="Ids of movies; one if it is matched.")
    rating = models.FloatField(null=True)
    rated_at = models.DateTimeField(null=True)
    watched = models.BooleanField(default=False)
    watched_at = models.DateTimeField(null=True)
    liked = models.BooleanField(default=False)
    liked_at = models.DateTimeField(null=True)
    watchlisted = models.BooleanField(default=False)
    watchlisted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Consumer: the preview, which reads the films in this order, and the choices of a confirmation.
            models.UniqueConstraint(fields=["taste_import", "position"], name="taste_import_film_position"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} film {self.position}"
