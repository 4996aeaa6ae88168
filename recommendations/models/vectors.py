"""A movie's vectors under one model version."""

from typing import Any

from django.db import models
from django.utils import timezone
from pgvector.django import VectorField

from movies.models import Movie
from recommendations.models.versions import ModelVersion

CONTENT_DIMENSIONS = 384
FACTOR_DIMENSIONS = 128
# Level, precision and eight loadings; see algorithms/ratings/fold_in.py.
RATING_DIMENSIONS = 10


class MovieEmbedding(models.Model):
    """A movie's vectors under one model version.

    ``content`` (384, unit length) comes from its text; ``query_factors`` and ``item_factors`` (128 each) from the
    factorised item-item model B ~ A V', or, for a movie nobody rated yet, predicted from ``content``.
    ``rating_factors`` (10) predict what anybody would give it, from ratings of theirs.
    """

    class Source(models.TextChoices):
        TRAINED = "trained"
        PREDICTED = "predicted", "Predicted from content"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, db_index=False, related_name="embeddings")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="embeddings")
    content: Any = VectorField(dimensions=CONTENT_DIMENSIONS)
    query_factors: Any = VectorField(dimensions=FACTOR_DIMENSIONS, null=True)
    item_factors: Any = VectorField(dimensions=FACTOR_DIMENSIONS, null=True)
    rating_factors: Any = VectorField(dimensions=RATING_DIMENSIONS, null=True)
    factors_source = models.CharField(max_length=10, choices=Source, default=Source.TRAINED)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Consumer: the speed layer and "similar movies", which read the live version's vectors.
            models.UniqueConstraint(fields=["version", "movie"], name="embedding_version_movie"),
        ]

    def __str__(self) -> str:
        return f"vectors of movie {self.movie_id}, version {self.version_id}"
