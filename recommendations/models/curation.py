"""Curation: scenarios (named placements), the rules of staff, and their rows of movies."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

MAX_FACTOR = 10.0


class Scenario(models.Model):
    """A named placement of lists, such as "home". Its live version says how its lists are made."""

    name = models.SlugField(max_length=24, unique=True, help_text="Clients ask for it: ?scenario=NAME.")
    title = models.CharField(max_length=100, blank=True)
    description = models.TextField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ScenarioVersion(models.Model):
    """One version of a scenario's configuration; never changed after it was saved. One of them may be live."""

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    config = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="What changed, and why.")
    live = models.BooleanField(default=False, editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When it last went live.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["scenario", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["scenario", "number"], name="scenario_version_number"),
            models.UniqueConstraint(
                fields=["scenario"], condition=models.Q(live=True), name="scenario_one_live_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scenario_id} v{self.number}"


class CuratedRow(models.Model):
    """A list of movies made by editors, shown as a row in the order that suits each person."""

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=100, help_text="Shown to people above the row.")
    movies: models.ManyToManyField = models.ManyToManyField("movies.Movie", through="CuratedRowMovie", related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title


class CuratedRowMovie(models.Model):
    """A movie of a curated row; ``position`` is the editors' order."""

    row = models.ForeignKey(CuratedRow, on_delete=models.CASCADE, related_name="entries")
    movie = models.ForeignKey("movies.Movie", on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["row", "movie"], name="curated_row_movie_once")]

    def __str__(self) -> str:
        return f"{self.row_id} #{self.position}"


class CurationRule(models.Model):
    """What staff change of lists, for a scenario or for all, from ``starts_at`` until ``ends_at``."""

    class Kind(models.TextChoices):
        PIN = "pin", "Pin: put movies at a place, or on a share of the places"
        BOOST = "boost", "Boost: multiply scores by the weight, above 1"
        DAMP = "damp", "Damp: multiply scores by the weight, below 1"
        BLOCK = "block", "Block: never list the movies"
        ROW = "row", "Row: add a curated row to the home page"

    kind = models.CharField(max_length=5, choices=Kind)
    reason = models.CharField(max_length=300, help_text="Why, for other staff. People do not see it.")
    scenario = models.ForeignKey(
        Scenario, on_delete=models.CASCADE, null=True, blank=True, related_name="rules", help_text="Empty: for all."
    )
    genre = models.ForeignKey(
        "movies.Genre",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="With movies: only in lists of this genre. A boost or damp without movies: all movies of the genre.",
    )
    country = models.CharField(
        max_length=2, blank=True, help_text="Only for people in this country: two letters, such as SE. Empty: all."
    )
    arm = models.CharField(
        max_length=121, blank=True, help_text="Only in this arm of an experiment: EXPERIMENT/ARM. Empty: for all."
    )
    movies: models.ManyToManyField = models.ManyToManyField(
        "movies.Movie", through="CurationRuleMovie", related_name="+", blank=True
    )
    row = models.ForeignKey(CuratedRow, on_delete=models.CASCADE, null=True, blank=True, related_name="rules")
    place = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A pin's first place, from 1; of a row its place on the page.",
    )
    share = models.FloatField(null=True, blank=True, help_text="A pin's share of the places, above 0, instead of one.")
    weight = models.FloatField(null=True, blank=True, help_text=f"A boost's or damp's factor, above 0 to {MAX_FACTOR}.")
    priority = models.SmallIntegerField(default=0, help_text="Of two rules for one place the higher one wins.")
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at once.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until it is ended.")
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-priority", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(starts_at=None)
                | models.Q(ends_at=None)
                # At the same moment: a rule that was ended before it began.
                | models.Q(starts_at__lte=models.F("ends_at")),
                name="curation_rule_starts_before_it_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}: {self.reason}"[:100]


class CurationRuleMovie(models.Model):
    """A movie of a rule; a pin fills its places in this order."""

    rule = models.ForeignKey(CurationRule, on_delete=models.CASCADE, related_name="entries")
    movie = models.ForeignKey("movies.Movie", on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["rule", "movie"], name="curation_rule_movie_once")]

    def __str__(self) -> str:
        return f"{self.rule_id} #{self.position}"
