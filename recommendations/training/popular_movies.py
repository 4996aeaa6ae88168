"""The popular movies overall and of each genre, rebuilt from all votes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from events.training_data import movie_votes_read
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import transaction_lock
from movies.models import Movie
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.rankers.popularity import PopularityConfig, damped_popularity, top_scored
from recommendations.models import ModelVersion, PopularMovie
from recommendations.retrieval.event_weights import event_weights
from recommendations.retrieval.version_serving import serving_parameters
from recommendations.training.config import popularity_config

logger = structlog.get_logger(__name__)


def popular_refresh(*, now: datetime | None = None) -> int:
    """Replace every popular list in one transaction, and return their total number of rows.

    They hold published movies only. Cached lists are invalidated only if a movie changed its place.
    """
    now = now or timezone.now()
    with transaction.atomic():
        transaction_lock("popular")
        config, weights = _config(), event_weights()
        votes = movie_votes_read(
            now=now,
            half_life_days=config.half_life_days,
            floor=config.floor,
            as_ratings=weights.as_ratings(),
            half_lives=weights.half_lives(),
        )
        scores = damped_popularity(votes.counts, votes.totals, config)
        rows = _rank(votes.movie_ids, scores, now)
        before = list(PopularMovie.objects.order_by("genre", "rank").values_list("genre_id", "movie_id"))
        PopularMovie.objects.all().delete()
        PopularMovie.objects.bulk_create(rows, batch_size=2000)
        after = list(PopularMovie.objects.order_by("genre", "rank").values_list("genre_id", "movie_id"))
        if after != before:
            invalidate_catalogue_on_commit()
    logger.info("popular_refreshed", rows=len(rows), changed=after != before)
    return len(rows)


def _config() -> PopularityConfig:
    """The hyperparameters from the settings, and from what was chosen when the live version was trained."""
    live = ModelVersion.objects.live().only("pk", "serving").first()
    parameters = ServingParameters() if live is None else serving_parameters(live)
    return replace(popularity_config(), rating_exponent=parameters.popularity_rating_exponent)


def _rank(movie_ids: NDArray[np.int64], scores: NDArray[np.float32], now: datetime) -> list[PopularMovie]:
    """Rows of the overall list and of each genre's, with published movies only."""
    published = set(Movie.objects.filter(status=Movie.Status.PUBLISHED).values_list("pk", flat=True))
    allowed = np.fromiter((pk in published for pk in movie_ids.tolist()), np.bool_, len(movie_ids))
    members: dict[int, set[int]] = {}
    for genre_id, movie_id in Movie.genres.through.objects.values_list("genre_id", "movie_id"):
        members.setdefault(genre_id, set()).add(movie_id)
    rows = []
    groups: list[tuple[int | None, NDArray[np.bool_]]] = [(None, allowed)]
    groups += [(genre_id, allowed & np.isin(movie_ids, list(members[genre_id]))) for genre_id in sorted(members)]
    for group, mask in groups:
        positions, values = top_scored(scores, settings.POPULAR_LIST_SIZE, mask)
        rows += [
            PopularMovie(genre_id=group, movie_id=int(movie_ids[at]), rank=rank, score=float(score), computed_at=now)
            for rank, (at, score) in enumerate(zip(positions, values, strict=True), start=1)
        ]
    return rows
