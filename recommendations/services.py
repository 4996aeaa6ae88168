"""Lists, served: from Redis while they hold, computed otherwise, and logged."""

import json
import uuid
from typing import Any

import numpy as np
import structlog
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from events.models import ServedRecommendation
from movies.models import Genre, Movie
from movies.selectors import movie_cards
from recommendations import candidates, list_cache
from recommendations.algorithms.blending import normalise
from recommendations.list_cache import RenderedList
from recommendations.personal_list import LIST_SIZE, PersonalList, personal_list

logger = structlog.get_logger(__name__)

# Of how alike two movies are, this much is who likes both and the rest what is written about them.
SIMILAR_BY_TASTE = 0.6


def recommendation_list(*, user: User, limit: int, request_id: str = "") -> bytes:
    """The person's best ``limit`` movies (1 to LIST_SIZE), as the JSON body of the response.

    The same list with the same ``recommendation_id`` for an hour, unless the person does something or the catalogue or
    the model changes: then the next call computes anew. With Redis away every call computes.
    """
    cached = list_cache.lookup(user.pk)
    rendered = cached.found
    if rendered is None:
        rendered = _computed(user, request_id)
        list_cache.keep(user.pk, cached.stamps, rendered)
    logger.info(
        "list_served",
        user_id=user.pk,
        recommendation_id=json.loads(rendered.head + b"}")["recommendation_id"],
        cached=cached.found is not None,
    )
    return rendered.body(limit)


def _computed(user: User, request_id: str) -> RenderedList:
    """Computes the list, logs it as served and renders it."""
    computed = personal_list(user)
    served = ServedRecommendation.objects.create(
        user=user,
        endpoint="recommendations",
        model_version_id=computed.version_id,
        movie_ids=[item["movie"]["id"] for item in computed.items],
        scores=[item["score"] for item in computed.items],
        request_id=request_id,
    )
    return _rendered(computed, served.id)


def _rendered(computed: PersonalList, recommendation_id: uuid.UUID) -> RenderedList:
    head = {
        "recommendation_id": str(recommendation_id),
        "generated_at": timezone.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "model_version": computed.version_id,
        "user_state": computed.user_state,
    }
    # Without its closing brace, so that the items can follow; JSON holds no line breaks, which part cached lines.
    return RenderedList(_json(head)[:-1], [_json(item) for item in computed.items])


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def popular_list(*, genre: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """Movies popular with everyone, or in the genre of that slug: ``{"movie", "score", "rank"}``, ranked from 1.

    Raises ValidationError naming ``genre`` when there is none of that slug. Two queries, with a genre three.
    """
    genre_id = None
    if genre is not None:
        genre_id = Genre.objects.filter(slug=genre).values_list("pk", flat=True).first()
        if genre_id is None:
            raise ValidationError({"genre": "There is no genre of that slug."})
    ids, scores = candidates.popular_movies(limit, genre_id=genre_id)
    cards = movie_cards(ids)
    shown = [(cards[movie_id], score) for movie_id, score in zip(ids, scores, strict=True) if movie_id in cards]
    return [{"movie": card, "score": score, "rank": rank} for rank, (card, score) in enumerate(shown, start=1)]


def similar_list(*, movie_id: int, limit: int = 20) -> list[dict[str, Any]]:
    """Movies like this one, most alike first: ``{"movie", "score"}``, score from 0 to 1.

    By who likes them and by what is written about them, or by the latter alone for a movie without factors; without a
    model that knows the movie, what is popular in its genres. Raises Movie.DoesNotExist unless it is published.
    """
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
