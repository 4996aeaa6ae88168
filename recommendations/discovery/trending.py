"""Movies that more people than usual vote for."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.utils import timezone

from events.trends import Trend, movie_trends, newest_window_end
from movies.availability.regions import effective_region
from movies.models import Movie
from movies.selectors import items_expanded, movie_cards
from recommendations.curation.active import never_listed_in
from recommendations.discovery.genres import genre_id_of
from recommendations.discovery.popular import popular_in
from recommendations.discovery.stamped_cache import cached
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.event_weights import event_weights
from recommendations.retrieval.reasons import POPULAR, TRENDING


def trending_list(
    *, genre: str | None = None, limit: int = 20, region: str = "", expand: Collection[str] = ()
) -> dict[str, Any]:
    """Movies that more people than usual voted for recently, filled up with popular ones to ``limit``.

    ``{"basis", "until", "items": [{"movie", "score", "rank", "reason"}]}``. The votes are those of the newest
    TRENDING_WINDOW_DAYS with TRENDING_MIN_VOTES votes by TRENDING_MIN_PEOPLE people. ``basis`` is "now" if these days
    end now, "history" if they are earlier ones, as after an import, and "popular" if no movie is trending.
    ``reason`` says whether an item is trending or popular; popular items come last and have no score.
    region: only what is available there; DEFAULT_REGION without one. Trends are cached for TRENDING_CACHE_SECONDS, or
    until the catalogue changes. Raises ValidationError for a genre that does not exist.
    """
    genre_id = genre_id_of(genre)
    trends = cached("trending", serving_config().trending_cache_seconds, _trends)
    region = effective_region(region)
    never = never_listed_in(region)
    scores = {movie_id: score for movie_id, score in trends["items"] if movie_id not in never}
    if genre_id is not None:
        in_genre = set(Movie.objects.filter(pk__in=scores, genres=genre_id).values_list("pk", flat=True))
        scores = {movie_id: score for movie_id, score in scores.items() if movie_id in in_genre}
    rising = list(scores)[: 2 * limit]
    popular: list[int] = []
    # Twice the limit, because movies of a cached list may be hidden by now.
    if len(rising) < 2 * limit:
        popular, _ = popular_in(region, limit, exclude=set(rising), genre_id=genre_id)
    cards = movie_cards([*rising, *popular])
    shown = [movie_id for movie_id in (*rising, *popular) if movie_id in cards][:limit]
    items = [
        {
            "movie": cards[movie_id],
            "score": scores.get(movie_id),
            "rank": rank,
            "reason": TRENDING if movie_id in scores else POPULAR,
        }
        for rank, movie_id in enumerate(shown, start=1)
    ]
    any_trending = any(movie_id in scores for movie_id in shown)
    return {
        "basis": trends["basis"] if any_trending else "popular",
        "until": trends["until"] if any_trending else None,
        "items": items_expanded(items, expand),
    }


def _trends() -> dict[str, Any]:
    """The trending movies of all genres, as plain JSON."""
    config = serving_config()
    now, window = timezone.now(), timedelta(days=config.trending_window_days)
    weights = event_weights()
    until = newest_window_end(
        now=now, window=window, votes=config.trending_min_votes, people=config.trending_min_people, weights=weights
    )
    if until is None:
        return {"basis": "popular", "until": None, "items": []}
    rising = _published_rising(movie_trends(until=until, window=window, weights=weights))
    rising.sort(key=lambda trend: (-trend.score, -trend.recent, trend.movie_id))
    return {
        "basis": "now" if until == now else "history",
        "until": until.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "items": [(trend.movie_id, round(trend.score, 6)) for trend in rising],
    }


def _published_rising(trends: list[Trend]) -> list[Trend]:
    """The trends with more votes than usual, of published movies."""
    rising = [trend for trend in trends if trend.score > 0]
    ids = [trend.movie_id for trend in rising]
    published = set(Movie.objects.filter(pk__in=ids, status=Movie.Status.PUBLISHED).values_list("pk", flat=True))
    return [trend for trend in rising if trend.movie_id in published]
