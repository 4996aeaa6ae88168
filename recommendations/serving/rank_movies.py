"""Ranks movies that a caller chose, for one person."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from accounts.models import User
from events.served.entries import SOURCE_CODES, ServedList
from events.served.list_ids import list_id_new
from events.served.log import served_append
from recommendations.algorithms.listing.scoring import rank
from recommendations.retrieval.candidates import popularity_of
from recommendations.serving.gather import gather_for_ranking
from recommendations.serving.present import COLUMNS

MAX_RANKED = 1000


def rank_movies(*, user: User, movie_ids: Sequence[int], region: str = "", request_id: str = "") -> dict[str, Any]:
    """These movies, best first for the person, as the body of the response; also those that the person has seen.

    They rank as in the person's list, without diversity and new movies. Movies about which no source says anything
    follow by popularity. ``unknown`` names the ids without a published movie, ``unavailable`` those that are not
    available in the region, DEFAULT_REGION without one. The list is logged as served. For somebody who has paused
    personalisation they rank as for a guest, and nothing is logged.
    """
    gathered = gather_for_ranking(user.pk if user.personalisation else None, movie_ids, region)
    ranked = rank(gathered.pool, gathered.ranking)
    unavailable = gathered.request.unavailable.intersection(movie_ids)
    wanted = gathered.request.wanted & gathered.movies.cards.keys()
    scores = {
        movie: score
        for movie, score in zip(ranked.item_ids.tolist(), ranked.scores.tolist(), strict=True)
        if movie in wanted
    }
    unscored = [movie for movie, score in scores.items() if not score]
    popularity = popularity_of(unscored) if len(unscored) > 1 else {}
    # Stable: at equal scores and popularity the order of ``rank`` stays.
    order = sorted(scores, key=lambda movie: (-scores[movie], -popularity.get(movie, 0.0)))
    ratings = gathered.ratings.predict(order, gathered.movies.rating_factors_of(order))
    version_id, recommendation_id = gathered.request.live.version_id, list_id_new()
    if user.personalisation:
        largest = dict(zip(ranked.item_ids.tolist(), ranked.shares.argmax(axis=1).tolist(), strict=True))
        served_append(
            ServedList(
                id=recommendation_id,
                user_id=user.pk,
                client_id=user.client_id,
                endpoint="rank",
                model_version_id=version_id,
                movie_ids=order,
                scores=[scores[movie] for movie in order],
                sources=[SOURCE_CODES[COLUMNS[largest[movie]]] for movie in order],
                request_id=request_id,
                count=len(order),
            )
        )
    return {
        "recommendation_id": str(recommendation_id),
        "generated_at": timezone.now(),
        "model_version": version_id,
        "items": [
            {"movie_id": movie, "score": scores[movie], "predicted_rating": rating}
            for movie, rating in zip(order, ratings, strict=True)
        ],
        "unknown": sorted(set(movie_ids) - wanted - unavailable),
        "unavailable": sorted(unavailable),
    }
