"""The movies that were added to the catalogue last."""

from collections.abc import Collection
from typing import Any

from django.db.models import F
from django.db.models.functions import TruncDate

from movies.availability.regions import effective_region
from movies.filters import MovieFilter
from movies.selectors import items_expanded, movie_cards
from recommendations.curation.active import never_listed_in
from recommendations.discovery.genres import genre_id_of
from recommendations.discovery.stamped_cache import MAX_CACHED, cached
from recommendations.retrieval.config import serving_config


def latest_list(
    *, genre: str | None = None, limit: int = 20, region: str = "", expand: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The newest published movies: ``{"movie", "added_at"}``, by the day they were added, then by year of release.

    region: only what is available there; DEFAULT_REGION without one. Cached for LATEST_CACHE_SECONDS, or until the
    catalogue changes. Raises ValidationError for a genre that does not
    exist.
    """
    genre_id, region = genre_id_of(genre), effective_region(region)
    name = f"latest:{genre_id or ''}:{region}"
    dated = cached(name, serving_config().latest_cache_seconds, lambda: _latest(genre_id, region))
    never = never_listed_in(region)
    cards = movie_cards([movie_id for movie_id, _ in dated if movie_id not in never])
    items = [{"movie": cards[movie_id], "added_at": at} for movie_id, at in dated if movie_id in cards][:limit]
    return items_expanded(items, expand)


def _latest(genre_id: int | None, region: str) -> list[tuple[int, str]]:
    """Ids of the newest published movies with the time they were added, ISO 8601."""
    ordered = (
        MovieFilter(genre_id=genre_id, region=region)
        .movies()
        .annotate(day=TruncDate("created_at"))
        .order_by(F("day").desc(), F("year").desc(nulls_last=True), "-created_at", "-pk")
    )
    return [
        (movie_id, at.isoformat(timespec="seconds").replace("+00:00", "Z"))
        for movie_id, at in ordered.values_list("pk", "created_at")[:MAX_CACHED]
    ]
