"""Movies that are popular with everyone, or within a genre."""

from collections.abc import Collection, Set
from typing import Any

from movies.availability.regions import effective_region
from movies.selectors import items_expanded, movie_cards
from recommendations.curation.active import curation_now, never_listed_in
from recommendations.discovery.genres import genre_id_of
from recommendations.discovery.stamped_cache import cached
from recommendations.retrieval import candidates
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.filters import ListFilters


def popular_list(
    *, genre: str | None = None, limit: int = 20, region: str = "", expand: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Movies popular with everyone, or within the genre of this slug: ``{"movie", "score", "rank"}``, ranked from 1.

    region: only what is available there; DEFAULT_REGION without one.
    Cached for POPULAR_CACHE_SECONDS, or until the catalogue changes. Raises ValidationError that names ``genre`` if
    there is no such genre.
    """
    region = effective_region(region)
    name = f"popular:{genre or ''}:{limit}:{region}"
    items = cached(name, serving_config().popular_cache_seconds, lambda: _popular_list(genre, limit, region))
    return items_expanded(items, expand)


def _popular_list(genre: str | None, limit: int, region: str) -> list[dict[str, Any]]:
    ids, scores = popular_in(region, limit, genre_id=genre_id_of(genre))
    cards = movie_cards(ids)
    shown = [(cards[movie_id], score) for movie_id, score in zip(ids, scores, strict=True) if movie_id in cards]
    return [{"movie": card, "score": score, "rank": rank} for rank, (card, score) in enumerate(shown, start=1)]


def popular_in(
    region: str, limit: int, *, exclude: Set[int] = frozenset(), genre_id: int | None = None
) -> tuple[list[int], list[float]]:
    """Ids and scores of popular movies of the region, best first; one query.

    Where the region lacks some of them and fewer than ``limit`` are left, others of the catalogue follow, with a score
    of 0; a second query.
    """
    never = never_listed_in(region)
    ids, scores = candidates.popular_movies(limit, exclude=never | exclude, genre_id=genre_id)
    if region and never and len(ids) < limit:
        filters = ListFilters(genre_id=genre_id, region=region)
        rest = candidates.catalogue_movies(
            limit - len(ids), (curation_now().blocked(region) | exclude).union(ids), filters
        )
        ids, scores = [*ids, *rest], [*scores, *[0.0] * len(rest)]
    return ids, scores
