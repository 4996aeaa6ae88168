"""Movies similar to one movie, by the taste of its audience and by content."""

from collections.abc import Collection, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movies.availability.regions import effective_region
from movies.models import Movie
from movies.selectors import items_expanded, movie_cards
from recommendations.algorithms.listing.blending import LIST_SIZE, normalise
from recommendations.curation.active import never_listed_in
from recommendations.discovery.stamped_cache import cached
from recommendations.retrieval import candidates
from recommendations.retrieval.config import serving_config
from recommendations.vectors.neighbours import Neighbours, similar_movies

# The weight of taste, who likes both movies, in their similarity; the rest is content.
TASTE_WEIGHT = 0.6


def similar_list(
    *, movie_id: int, limit: int = 20, region: str = "", expand: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Published movies similar to this one, best first: ``{"movie", "score"}``, score from 0 to 1.

    By taste and content, or by content alone for a movie without factors; if no model knows the movie, movies popular
    in its genres. region: only what is available there, whether or not the movie itself is; DEFAULT_REGION without one.
    Cached for SIMILAR_CACHE_SECONDS, or until the catalogue changes. Raises Movie.DoesNotExist unless the movie is
    published.
    """
    region = effective_region(region)
    name = f"similar:{movie_id}:{limit}:{region}"
    items = cached(name, serving_config().similar_cache_seconds, lambda: _similar_list(movie_id, limit, region))
    return items_expanded(items, expand)


def _similar_list(movie_id: int, limit: int, region: str) -> list[dict[str, Any]]:
    movie = Movie.objects.get(pk=movie_id, status=Movie.Status.PUBLISHED)
    version_id = candidates.live_model().version_id
    never = never_listed_in(region)
    neighbours = None if version_id is None else similar_movies(version_id, movie_id, LIST_SIZE, never)
    if neighbours is None:
        return _popular_in_genres(movie, limit, never)
    scores = similarities(neighbours)
    ranked = np.lexsort((np.array(neighbours.movie_ids), -scores)).tolist()
    order = ranked[:limit]
    cards = movie_cards([neighbours.movie_ids[index] for index in order])
    best = [(cards.get(neighbours.movie_ids[index]), float(scores[index])) for index in order]
    return [{"movie": card, "score": score} for card, score in best if card is not None]


def similarities(neighbours: Neighbours) -> NDArray[np.float64]:
    """How similar each of n neighbours is, by taste and content, or by content alone without factors: 0 to 1, (n,)."""
    # Taste alone favours popular movies, and content alone movies with similar texts only: each corrects the other.
    taste = normalise(neighbours.by_taste)
    blended = TASTE_WEIGHT * taste + (1 - TASTE_WEIGHT) * neighbours.by_content
    scores = blended if taste.any() else neighbours.by_content
    return np.asarray(np.round(np.clip(scores, 0, 1), 6), np.float64)


def _popular_in_genres(movie: Movie, limit: int, never: Set[int]) -> list[dict[str, Any]]:
    """Movies popular in the genres of this one, by their summed scores, divided by the highest."""
    scores: dict[int, float] = {}
    for genre_id in movie.genres.values_list("pk", flat=True):
        ids, raw = candidates.popular_movies(limit, exclude={movie.pk, *never}, genre_id=genre_id)
        for other, score in zip(ids, raw, strict=True):
            scores[other] = scores.get(other, 0.0) + score
    best = sorted(scores, key=lambda other: (-scores[other], other))[:limit]
    cards = movie_cards(best) if best else {}
    highest = max(scores.values(), default=1.0)
    return [{"movie": cards[i], "score": round(scores[i] / highest, 6)} for i in best if i in cards]
