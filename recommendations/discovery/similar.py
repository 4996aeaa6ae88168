"""Movies like one movie, by who likes them and by what is written about them."""

from collections.abc import Collection
from typing import Any

import numpy as np

from movies.models import Movie
from movies.selectors import items_expanded, movie_cards
from recommendations.algorithms.listing.blending import LIST_SIZE, normalise
from recommendations.discovery.stamped_cache import cached
from recommendations.retrieval import candidates
from recommendations.retrieval.config import serving_config

# Of how alike two movies are, this much is who likes both and the rest what is written about them.
SIMILAR_BY_TASTE = 0.6


def similar_list(*, movie_id: int, limit: int = 20, expand: Collection[str] = ()) -> list[dict[str, Any]]:
    """Movies like this one, most alike first: ``{"movie", "score"}``, score from 0 to 1.

    By who likes them and by what is written about them, or by the latter alone for a movie without factors; without a
    model that knows the movie, what is popular in its genres. Kept for SIMILAR_CACHE_SECONDS, or until the catalogue
    changes. Raises Movie.DoesNotExist unless it is published.
    """
    name = f"similar:{movie_id}:{limit}"
    items = cached(name, serving_config().similar_cache_seconds, lambda: _similar_list(movie_id, limit))
    return items_expanded(items, expand)


def _similar_list(movie_id: int, limit: int) -> list[dict[str, Any]]:
    movie = Movie.objects.get(pk=movie_id, status=Movie.Status.PUBLISHED)
    version_id = candidates.live_model().version_id
    found = None if version_id is None else candidates.similar_movies(version_id, movie_id, LIST_SIZE)
    if found is None:
        return _popular_in_genres(movie, limit)
    # Taste alone brings what everyone likes, and content alone what merely sounds alike: each corrects the other.
    taste = normalise(found.by_taste)
    known = bool(taste.any())
    scores = SIMILAR_BY_TASTE * taste + (1 - SIMILAR_BY_TASTE) * found.by_content if known else found.by_content
    scores = np.round(np.clip(scores, 0, 1), 6)
    order = np.lexsort((np.array(found.movie_ids), -scores))[:limit]
    cards = movie_cards([found.movie_ids[place] for place in order])
    best = [(cards.get(found.movie_ids[place]), float(scores[place])) for place in order]
    return [{"movie": card, "score": score} for card, score in best if card is not None]


def _popular_in_genres(movie: Movie, limit: int) -> list[dict[str, Any]]:
    scores: dict[int, float] = {}
    for genre_id in movie.genres.values_list("pk", flat=True):
        ids, raw = candidates.popular_movies(limit, exclude=[movie.pk], genre_id=genre_id)
        for other, score in zip(ids, raw, strict=True):
            scores[other] = scores.get(other, 0.0) + score
    best = sorted(scores, key=lambda other: (-scores[other], other))[:limit]
    cards = movie_cards(best) if best else {}
    highest = max(scores.values(), default=1.0)
    return [{"movie": cards[i], "score": round(scores[i] / highest, 6)} for i in best if i in cards]
