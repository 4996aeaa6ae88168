"""The tables of attribution."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from events.attribution.dimensions import Dimension, Period


class RecommendationOutcome(models.Model):
    """One event that is attributed to one place of a list that was shown.

    It names nobody: who acted, and with which movie, is in the event. Without the event, which is deleted with its
    person, the row says nothing and counts nowhere.
    """

    # A plain number, so that deleting a person neither reads nor waits for this table.
    interaction_id = models.BigIntegerField(primary_key=True)
    shown_at = models.DateTimeField()
    recommendation_id = models.UUIDField()
    position = models.SmallIntegerField(help_text="The movie's place in the list, from 1.")
    source = models.SmallIntegerField(help_text="The source with the largest share of the movie's score, as a number.")
    named = models.BooleanField(help_text="Whether the event names the list; otherwise it is the newest that fits.")
    model_version_id = models.BigIntegerField(null=True)
    experiment = models.CharField(max_length=60, blank=True, default="")
    arm = models.CharField(max_length=60, blank=True, default="")
    client_id = models.BigIntegerField(null=True)
    endpoint = models.CharField(max_length=40)

    class Meta:
        indexes = [
            # Consumer: the statistics of an hour, and the removal of old outcomes.
            models.Index(fields=["shown_at"], name="outcome_shown_at"),
        ]

    def __str__(self) -> str:
        return f"{self.interaction_id} from place {self.position} of {self.recommendation_id}"


class RecommendationStatistic(models.Model):
    """What came of the movies shown in one hour or day, for one value of one dimension.

    Counts are of impressions (a movie in a place of a list, shown once): one that was clicked twice counts once, so
    each count is at most ``impressions``. ``lists``, ``people`` and ``people_acted`` count distinct ones, so they
    cannot be summed over hours, days or values; empty where they are not counted.
    """

    period = models.CharField(max_length=4, choices=Period.choices)
    starts_at = models.DateTimeField()
    dimension = models.CharField(max_length=10, choices=Dimension.choices)
    value = models.CharField(max_length=60, blank=True, default="")
    experiment = models.CharField(max_length=60, blank=True, default="")
    arm = models.CharField(max_length=60, blank=True, default="")
    impressions = models.BigIntegerField()
    lists = models.IntegerField(null=True)
    people = models.IntegerField(null=True)
    people_acted = models.IntegerField(null=True, help_text="People who did something with a movie they were shown.")
    opened = models.IntegerField(help_text="Clicked or viewed.")
    clicks = models.IntegerField()
    views = models.IntegerField()
    watchlisted = models.IntegerField()
    started = models.IntegerField(help_text="Watched, partly or to the end.")
    watches = models.IntegerField(help_text="Watched to the end (a progress of 0.9 or more).")
    likes = models.IntegerField()
    dislikes = models.IntegerField()
    hides = models.IntegerField()
    ratings = models.IntegerField()
    rating_sum = models.FloatField()
    hours_watched = models.FloatField()
    as_of = models.DateTimeField(help_text="When the row was computed.")

    class Meta:
        constraints = [
            # Consumer: the admin, reports and metrics, which read the newest periods.
            models.UniqueConstraint(
                fields=["period", "starts_at", "dimension", "value", "experiment", "arm"], name="statistic_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.starts_at:%Y-%m-%d %H:%M} {self.dimension} {self.value}"


class DailyEventCount(models.Model):
    """How many events of one kind were received on one day (UTC). Events that were imported are of the kind IMPORTED.

    It names nobody, and stays as it was counted when people are deleted later.
    """

    IMPORTED = "imported"

    day = models.DateField()
    kind = models.CharField(max_length=12)
    count = models.BigIntegerField()
    as_of = models.DateTimeField(help_text="When it was counted.")

    class Meta:
        constraints = [
            # Consumer: the admin's dashboard, which reads the newest days.
            models.UniqueConstraint(fields=["day", "kind"], name="daily_event_count_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.kind}: {self.count}"


class AttributionProgress(models.Model):
    """One row: how far events have been read, and which hours and days must be counted again."""

    read_until = models.DateTimeField(help_text="Events received before this were read.")
    pending_hours = ArrayField(models.DateTimeField(), default=list)
    pending_days = ArrayField(models.DateTimeField(), default=list)

    def __str__(self) -> str:
        return f"read until {self.read_until:%Y-%m-%d %H:%M}"
