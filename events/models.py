"""What people did, and what they were shown."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from events.fields import RealField
from events.kinds import KIND_CHOICES, OPINION_EVENTS, POSITIVE_FROM, SHELF_KINDS, VOTE_EVENTS, Kind
from events.taste.models import TasteImport, TasteImportFilm
from movies.models import Movie, MovieMerge
from movies.text import normalise_line

# Django finds an app's models in its module ``models``.
__all__ = ["TasteImport", "TasteImportFilm"]

MIN_RATING = 0.5
MAX_RATING = 5.0
MAX_SOURCE_LENGTH = 40
# Clocks of clients differ from ours by a little, which counts as the moment of receipt; more than this is a mistake.
FUTURE_TOLERANCE = timedelta(minutes=5)


def clamp_to_now(moment: datetime, field: str) -> datetime:
    """The moment, or now if that is earlier: a time in the future would be the newest until then.

    Raises ValidationError naming ``field`` if the moment is further ahead than FUTURE_TOLERANCE.
    """
    now = timezone.now()
    if moment > now + FUTURE_TOLERANCE:
        raise ValidationError({field: "This is in the future."})
    return min(moment, now)


def _movie_of(row: "Interaction | Rating") -> str:
    """The movie's title if it is loaded, otherwise its id; runs no query."""
    return str(row.movie) if "movie" in row._state.fields_cache else f"movie {row.movie_id}"


class Interaction(models.Model):
    """One event: what one person did with one movie. Append-only: a change of mind is a new row."""

    event_id = models.UUIDField(
        default=uuid.uuid4, help_text="The client's id of this event. An event that is sent twice is stored once."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="interactions"
    )
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, db_index=False, related_name="interactions")
    kind = models.CharField(max_length=12, choices=KIND_CHOICES)
    value = models.FloatField(null=True, blank=True, help_text="The rating, 0.5 to 5; empty for other kinds.")
    progress = RealField(null=True, blank=True, help_text="The share of the movie that was watched, 0 to 1.")
    occurred_at = models.DateTimeField(default=timezone.now)
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    recommendation_id = models.UUIDField(null=True, blank=True, help_text="The id of the list that led to it.")
    source = models.CharField(
        max_length=MAX_SOURCE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="Where it came from: a source of the list, a row of the client, or an import.",
    )
    undo = models.BooleanField(
        default=False, db_default=False, help_text="Takes back the person's earlier events of this kind and movie."
    )
    # Set on an event that was taken back, and on the event that takes back: neither counts.
    undone_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            # Consumer: event ingestion, which drops an event that is already stored.
            models.UniqueConstraint(fields=["user", "event_id"], name="interaction_event_once"),
            models.CheckConstraint(
                condition=models.Q(kind=Kind.RATING.value, value__range=(MIN_RATING, MAX_RATING))
                | (~models.Q(kind=Kind.RATING.value) & models.Q(value__isnull=True)),
                name="interaction_value_iff_rating",
            ),
            models.CheckConstraint(
                condition=models.Q(progress__isnull=True) | models.Q(progress__range=(0, 1)),
                name="interaction_progress_share",
            ),
            # An event in the future would be a person's newest judgement until then.
            models.CheckConstraint(
                condition=models.Q(occurred_at__lte=models.F("received_at")), name="interaction_occurred_by_receipt"
            ),
        ]
        indexes = [
            # Consumer: serving's newest interactions of a person, and their own history page.
            models.Index(fields=["user", "-occurred_at"], name="interaction_user_newest"),
            # Consumers: what a person did with one movie, for undos, ratings and shelves; the deletion of a movie.
            models.Index(fields=["movie", "user"], name="interaction_movie_user"),
            # Consumer: what is trending, which reads everybody's newest votes for a movie.
            models.Index(
                fields=["occurred_at"],
                condition=models.Q(kind__in=[kind.value for kind in VOTE_EVENTS]),
                name="interaction_newest_votes",
            ),
            # Consumer: what is trending, which checks whether the same person replaced or withdrew a vote. Without
            # views and ratings, which are most events.
            models.Index(
                fields=["user", "movie", "occurred_at"],
                condition=models.Q(kind__in=[kind.value for kind in OPINION_EVENTS]),
                name="interaction_opinions",
            ),
            # Consumer: event ingestion, which takes back an event that comes after a later undo.
            models.Index(fields=["user", "movie", "kind"], condition=models.Q(undo=True), name="interaction_undos"),
            # Consumer: what a person hid, wants to see and has begun to watch, newest first.
            models.Index(
                fields=["user", "kind", "-occurred_at"],
                condition=models.Q(kind__in=[kind.value for kind in SHELF_KINDS], undone_at=None),
                name="interaction_shelves",
            ),
            # Consumer: the sweep for events that were not announced, which reads the newest received.
            models.Index(fields=["received_at"], name="interaction_received_at"),
            # Consumer: attribution, which drops what came of lists and was taken back meanwhile.
            models.Index(
                fields=["undone_at"],
                condition=models.Q(undone_at__isnull=False),
                name="interaction_undone_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{_movie_of(self)}: {self.kind} by user {self.user_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Inserts; an existing interaction is never rewritten."""
        if not self._state.adding:
            raise TypeError("Interactions are append-only: record a new one instead.")
        super().save(*args, **kwargs)


class Rating(models.Model):
    """A person's current rating of a movie: imported, or the newest of their rating events."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="ratings")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="ratings")
    value = models.FloatField(help_text="0.5 to 5.")
    rated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Consumer: the upsert of a rating event; serving's list of what a person has seen.
            models.UniqueConstraint(fields=["user", "movie"], name="rating_user_movie"),
            models.CheckConstraint(condition=models.Q(value__range=(MIN_RATING, MAX_RATING)), name="rating_in_range"),
        ]
        indexes = [
            # Consumer: what is trending, which reads everybody's newest votes for a movie. Without the other ratings,
            # so that the planner cannot choose it to find one person's newest ratings.
            models.Index(fields=["rated_at"], condition=models.Q(value__gte=POSITIVE_FROM), name="rating_newest_votes"),
        ]

    def __str__(self) -> str:
        return f"{_movie_of(self)}: {self.value:g} by user {self.user_id}"

    def clean(self) -> None:
        """Refuses a time in the future, for forms."""
        if self.rated_at is not None:
            self.rated_at = clamp_to_now(self.rated_at, "rated_at")


class Tag(models.Model):
    """A tag that a person gave a movie, imported from the data sets that have tags."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="tags")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="tags")
    text = models.CharField(max_length=300)
    tagged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Consumer: the import, which must not store a tag twice.
            models.UniqueConstraint(fields=["user", "movie", "text"], name="tag_once"),
        ]

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        """Normalises the text as the import does, and refuses a time in the future, for forms."""
        self.text = normalise_line(self.text)
        if self.tagged_at is not None:
            self.tagged_at = clamp_to_now(self.tagged_at, "tagged_at")


class MergedRating(models.Model):
    """A rating of a duplicate as it was before the merge, with the person's own of the target, if any; for undoing."""

    merge = models.ForeignKey(MovieMerge, on_delete=models.CASCADE, db_index=False, related_name="ratings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="merged_ratings")
    duplicate_value = models.FloatField()
    duplicate_rated_at = models.DateTimeField()
    target_value = models.FloatField(null=True)
    target_rated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Consumer: undoing a merge.
            models.UniqueConstraint(fields=["merge", "user"], name="merged_rating_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} gave {self.duplicate_value} before merge {self.merge_id}"


class ServedRecommendation(models.Model):
    """One list that was computed. Events that it led to carry its id.

    The table has a partition for each month (of ``served_at``), so that old months are dropped at once. Its primary key
    is the id with the time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        db_index=False,
        related_name="served_recommendations",
        help_text="Empty for a guest.",
    )
    # A plain number: the log outlives a client.
    client_id = models.BigIntegerField(null=True)
    endpoint = models.CharField(max_length=40)
    # A plain number: the events app knows nothing of model versions, which may be deleted before the log is.
    model_version_id = models.BigIntegerField(null=True)
    experiment = models.CharField(max_length=60, blank=True, default="", db_default="")
    arm = models.CharField(max_length=60, blank=True, default="", db_default="")
    movie_ids = ArrayField(models.BigIntegerField())
    scores = ArrayField(RealField())
    sources = ArrayField(
        models.SmallIntegerField(),
        default=list,
        db_default=[],
        blank=True,
        help_text="The source with the largest share of each movie's score, as a number.",
    )
    explored = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=[],
        blank=True,
        help_text="Ids of the movies that have a place for new movies.",
    )
    request_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    served_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Consumer: a person's own list log in the admin, and attribution of their events.
            models.Index(fields=["user", "-served_at"], name="served_user_newest"),
            # Consumer: the newest lists in the admin, and roll-ups of a day.
            models.Index(fields=["served_at"], name="served_at_newest"),
            # Consumer: results of an experiment, which read its lists of a time. Other lists are not in it.
            models.Index(
                fields=["experiment", "served_at"],
                condition=~models.Q(experiment=""),
                name="served_experiment",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ListImpression(models.Model):
    """One time that a list, or a page of it, was shown: places ``start`` to ``start + count - 1`` of its movies.

    The table has a partition for each month (of ``shown_at``). Its primary key is the id with the time.
    """

    id = models.BigAutoField(primary_key=True)
    shown_at = models.DateTimeField(default=timezone.now)
    recommendation_id = models.UUIDField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        db_index=False,
        related_name="list_impressions",
        help_text="Empty for a guest.",
    )
    start = models.SmallIntegerField(default=0, db_default=0)
    count = models.SmallIntegerField()
    request_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    # The id of its entry in the stream, by which an entry that is read twice is written once.
    stream_id = models.CharField(max_length=40, blank=True, default="", db_default="", editable=False)

    class Meta:
        constraints = [
            # Consumer: the writer of the log, which may read an entry twice.
            models.UniqueConstraint(
                fields=["stream_id", "shown_at"],
                condition=~models.Q(stream_id=""),
                name="impression_once",
            ),
        ]
        indexes = [
            # Consumer: what a person was shown lately; attribution of their events.
            models.Index(fields=["user", "-shown_at"], name="impression_user_newest"),
            # Consumer: attribution of events that name a list.
            models.Index(fields=["recommendation_id"], name="impression_list"),
            # Consumer: the statistics of an hour. Rows are written in the order of time, so that it stays tiny.
            BrinIndex(fields=["shown_at"], name="impression_shown_at", pages_per_range=32, autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.recommendation_id} from {self.start}"


# So that Django finds the tables of attribution.
from events.attribution.models import (  # noqa: E402
    AttributionProgress as AttributionProgress,  # noqa: PLC0414
)
from events.attribution.models import DailyEventCount as DailyEventCount  # noqa: E402, PLC0414
from events.attribution.models import RecommendationOutcome as RecommendationOutcome  # noqa: E402, PLC0414
from events.attribution.models import RecommendationStatistic as RecommendationStatistic  # noqa: E402, PLC0414
