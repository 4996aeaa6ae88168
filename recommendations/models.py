"""What training publishes: versions, lists, popular movies and vectors."""

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from pgvector.django import VectorField

from events.fields import RealField
from movies.models import Genre, Movie

CONTENT_DIMENSIONS = 384
FACTOR_DIMENSIONS = 128


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def live(self) -> Self:
        """The live version: one row, or none before the first training."""
        return self.filter(status=ModelVersion.Status.LIVE)


class ModelVersion(models.Model):
    """One training of the nightly model. Exactly one version is live; flipping to another is one transaction."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        TRAINING = "training"
        READY = "ready", "ready (trained, not live)"
        LIVE = "live"
        RETIRED = "retired", "retired (was live)"
        REFUSED = "refused", "refused (trained, not let through)"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    trigger = models.CharField(max_length=20, default="manual", help_text="What asked for it: manual, nightly, admin.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    algorithm = models.CharField(max_length=60, blank=True)
    hyperparameters = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True, help_text="Measured on a held-out split of the same data.")
    people = models.PositiveIntegerField(default=0)
    movies = models.PositiveIntegerField(default=0)
    interactions = models.PositiveBigIntegerField(default=0)
    stage = models.CharField(max_length=40, blank=True, help_text="What the training is doing now.")
    progress = models.FloatField(default=0, help_text="0 to 1.")
    peak_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)
    refusal = models.TextField(
        blank=True, help_text="Why it did not go live by itself. Kept where staff published it all the same."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often its training was begun.")
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="After an attempt that broke off: when the next one may begin."
    )
    scheduled_for = models.DateTimeField(
        null=True, blank=True, unique=True, help_text="The time of the schedule that it was trained for."
    )
    artefacts = models.JSONField(
        default=dict, blank=True, editable=False, help_text="The SHA-256 of each model file, by its name."
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    live_at = models.DateTimeField(null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Consumer: every request that asks for the live version; two live versions cannot exist.
            models.UniqueConstraint(fields=["status"], condition=models.Q(status="live"), name="one_live_version"),
        ]

    def __str__(self) -> str:
        return f"version {self.pk} ({self.status})"


# The condition of ``ModelVersion.objects.live()`` for raw SQL, on recommendations_modelversion as ``version``.
LIVE_VERSION = f"version.status = '{ModelVersion.Status.LIVE.value}'"


class BatchRecommendation(models.Model):
    """A person's list by one model version, best first: one row, under a kilobyte."""

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
        help_text="What the person would give each movie, on the scale of the data; NaN where unknown. Or nothing.",
    )

    class Meta:
        db_table = "batch_recommendations"
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
    score = models.FloatField(help_text="Time-decayed and damped towards the mean; comparable within one list.")
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["genre", "rank"]
        constraints = [
            # Consumer: popular lists and the fallback fill, which read one genre in rank order.
            models.UniqueConstraint(fields=["genre", "rank"], name="popular_genre_rank", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"#{self.rank} {self.movie_id}"


class MovieEmbedding(models.Model):
    """A movie's vectors under one model version.

    ``content`` (384, unit length) comes from its text; ``query_factors`` and ``item_factors`` (128 each) from the
    factorised item-item model B ~ A V', or, for a movie nobody rated yet, predicted from ``content``.
    """

    class Source(models.TextChoices):
        TRAINED = "trained"
        PREDICTED = "predicted", "predicted from content"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, db_index=False, related_name="embeddings")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="embeddings")
    content: Any = VectorField(dimensions=CONTENT_DIMENSIONS)
    query_factors: Any = VectorField(dimensions=FACTOR_DIMENSIONS, null=True)
    item_factors: Any = VectorField(dimensions=FACTOR_DIMENSIONS, null=True)
    factors_source = models.CharField(max_length=10, choices=Source, default=Source.TRAINED)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Consumer: the speed layer and "similar movies", which read the live version's vectors.
            models.UniqueConstraint(fields=["version", "movie"], name="embedding_version_movie"),
        ]

    def __str__(self) -> str:
        return f"vectors of movie {self.movie_id}, version {self.version_id}"


class TuningRun(models.Model):
    """One search for hyperparameters. Training takes over what the newest finished one found, if it pays."""

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    trigger = models.CharField(max_length=20, default="manual", help_text="What asked for it: manual, weekly.")
    seed = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0, help_text="People whose held-out likes were looked for.")
    shipped_value = models.FloatField(
        null=True, help_text="nDCG@10 of the shipped configuration on the validation split."
    )
    best_value = models.FloatField(null=True, help_text="nDCG@10 of the best configuration on the same split.")
    shipped_confirmed = models.FloatField(
        null=True, help_text="The shipped one on a second split, unseen by the search."
    )
    best_confirmed = models.FloatField(null=True, help_text="The best one on the second split.")
    pays = models.BooleanField(default=False, help_text="Better than what is shipped on both splits: used by training.")
    configuration = models.JSONField(
        default=dict, blank=True, help_text="The best configuration, as training reads it."
    )
    error = models.TextField(blank=True)
    interrupted = models.BooleanField(
        default=False, help_text="Its process or the database went away: the weekly search begins again."
    )
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"tuning {self.pk} ({self.status})"


class TuningTrial(models.Model):
    """One configuration that a search measured, written as soon as it was."""

    class State(models.TextChoices):
        COMPLETE = "complete"
        FAILED = "failed", "failed (could not be fitted)"

    run = models.ForeignKey(TuningRun, on_delete=models.CASCADE, related_name="trials", db_index=False)
    number = models.PositiveIntegerField()
    part = models.CharField(max_length=20, help_text="What was varied: autoencoder, als, weights; or what is compared.")
    parameters = models.JSONField(default=dict, blank=True)
    value = models.FloatField(null=True, help_text="nDCG@10 on the validation split.")
    seconds = models.FloatField()
    state = models.CharField(max_length=10, choices=State, default=State.COMPLETE)

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            # Consumer: the admin and the command, which list a run's trials.
            models.UniqueConstraint(fields=["run", "number"], name="tuning_trial_number"),
        ]

    def __str__(self) -> str:
        return f"trial {self.number} of tuning {self.run_id}"
