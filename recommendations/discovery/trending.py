"""What more people than usual vote for."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.utils import timezone

from events.trends import Trend, movie_trends, newest_window_end
from movies.models import Movie
from movies.selectors import items_expanded, movie_cards
from recommendations.discovery.genres import genre_id_of
from recommendations.discovery.stamped_cache import cached
from recommendations.retrieval import candidates
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.reasons import POPULAR, TRENDING


def trending_list(*, genre: str | None = None, limit: int = 20, expand: Collection[str] = ()) -> dict[str, Any]:
    """Movies that more people than usual voted for lately, filled up with popular ones to ``limit``.

    ``{"basis", "until", "items": [{"movie", "score", "rank", "reason"}]}``. Lately is the newest TRENDING_WINDOW_DAYS
    with TRENDING_MIN_VOTES votes by TRENDING_MIN_PEOPLE people: those before now ("now") or, where too little happened
    since, earlier ones, as with an imported history ("history"). Where nothing stands out all is popular ("popular").
    An item's ``reason`` says which of the two it is, "trending" or "popular"; popular ones follow, without a score.
    Raises ValidationError for a genre that does not exist.
    """
    genre_id = genre_id_of(genre)
    found = cached("trending", serving_config().trending_cache_seconds, _trends)
    scores = dict(found["items"])
    if genre_id is not None:
        of_genre = set(Movie.objects.filter(pk__in=scores, genres=genre_id).values_list("pk", flat=True))
        scores = {movie_id: score for movie_id, score in scores.items() if movie_id in of_genre}
    rising = list(scores)[: 2 * limit]
    filling: list[int] = []
    # Some of a list that is kept may have been hidden since.
    if len(rising) < 2 * limit:
        filling, _ = candidates.popular_movies(limit, exclude=rising, genre_id=genre_id)
    cards = movie_cards([*rising, *filling])
    shown = [movie_id for movie_id in (*rising, *filling) if movie_id in cards][:limit]
    items = [
        {
            "movie": cards[movie_id],
            "score": scores.get(movie_id),
            "rank": rank,
            "reason": TRENDING if movie_id in scores else POPULAR,
        }
        for rank, movie_id in enumerate(shown, start=1)
    ]
    known = any(movie_id in scores for movie_id in shown)
    return {
        "basis": found["basis"] if known else "popular",
        "until": found["until"] if known else None,
        "items": items_expanded(items, expand),
    }


def _trends() -> dict[str, Any]:
    """The trending movies of all genres, as JSON keeps them."""
    config = serving_config()
    now, window = timezone.now(), timedelta(days=config.trending_window_days)
    until = newest_window_end(
        now=now, window=window, votes=config.trending_min_votes, people=config.trending_min_people
    )
    if until is None:
        return {"basis": "popular", "until": None, "items": []}
    rising = _rising(movie_trends(until=until, window=window))
    rising.sort(key=lambda trend: (-trend.score, -trend.recent, trend.movie_id))
    return {
        "basis": "now" if until == now else "history",
        "until": until.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "items": [(trend.movie_id, round(trend.score, 6)) for trend in rising],
    }


def _rising(trends: list[Trend]) -> list[Trend]:
    """Those above what is usual, of movies that are published."""
    rising = [trend for trend in trends if trend.score > 0]
    ids = [trend.movie_id for trend in rising]
    published = set(Movie.objects.filter(pk__in=ids, status=Movie.Status.PUBLISHED).values_list("pk", flat=True))
    return [trend for trend in rising if trend.movie_id in published]
