"""A movie's vectors under one model version."""

from typing import Any

from django.db import models
from django.utils import timezone
from pgvector.django import HalfVectorField, VectorField

from movies.models import Movie
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.models.versions import ModelVersion

CONTENT_DIMENSIONS = 384
NEXT_ITEM_DIMENSIONS = 128
# Query factors of the few-shot model, then those of the next-item model.
QUERY_DIMENSIONS = FEW_SHOT_DIMENSIONS + NEXT_ITEM_DIMENSIONS
# The same for item factors, then the next-item model's bias.
ITEM_DIMENSIONS = QUERY_DIMENSIONS + 1
# Level, precision and eight loadings; see algorithms/ratings/fold_in.py.
RATING_DIMENSIONS = 10


class MovieEmbedding(models.Model):
    """A movie's vectors under one model version.

    ``content`` (384, unit length) comes from its text. ``query_factors`` are [few-shot 128 | next-item 128],
    ``item_factors`` [few-shot 128 | next-item 128 | bias 1], both in half precision. The few-shot part comes from the
    factorised item-item model B ~ A V', or, for a movie nobody rated yet, is predicted from ``content``. The next-item
    part and the bias are 0 for a movie that the next-item model does not know, and in a version without such a model.
    ``rating_factors`` (10) predict what anybody would give it, from ratings of theirs.
    """

    class Source(models.TextChoices):
        TRAINED = "trained"
        PREDICTED = "predicted", "Predicted from content"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, db_index=False, related_name="embeddings")
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="embeddings")
    content: Any = VectorField(dimensions=CONTENT_DIMENSIONS)
    query_factors: Any = HalfVectorField(dimensions=QUERY_DIMENSIONS, null=True)
    item_factors: Any = HalfVectorField(dimensions=ITEM_DIMENSIONS, null=True)
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
