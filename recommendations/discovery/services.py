"""Lists that are the same for everyone: what is trending, what is new, what a search finds, and the genres."""

import hashlib
from collections.abc import Collection
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F
from django.db.models.functions import TruncDate
from django.utils import timezone

from events.trends import Trend, movie_trends, newest_window_end
from movies.models import Genre, Movie
from movies.search import MAX_QUERY, MovieFilter, TextMatch, movies_matching
from movies.selectors import genre_counts, items_expanded, movie_cards
from movies.text import normalise_query
from recommendations.discovery.stamped_cache import remembered
from recommendations.models import PopularMovie
from recommendations.retrieval import candidates
from recommendations.retrieval.notices import of_search
from recommendations.retrieval.reasons import POPULAR, TRENDING
from recommendations.vectors.text_query import movies_meant, text_meaning

# Of what fits alike the more popular comes first: the most popular movie of all is worth this much more.
POPULAR_BONUS = 0.15
# What is kept of a list that is the same for everyone: more than is shown, because some will be hidden since.
KEPT = 150
# Nothing the encoder finds stands above a title that is typed in full.
MEANING_WEIGHT = 0.8
# The least of what a movie means that is worth showing without a word of the query in it.
MEANING_FLOOR = 0.12


def genre_id_of(slug: str | None) -> int | None:
    """The genre's id; None for no slug. Raises ValidationError naming ``genre`` when there is none of that slug."""
    if slug is None:
        return None
    genre_id = Genre.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if genre_id is None:
        raise ValidationError({"genre": "There is no genre of that slug."})
    return genre_id


def search_list(
    *,
    q: str,
    genre: str | None = None,
    year_from: int | None = None,
    year_to: int | None = None,
    limit: int = 20,
    expand: Collection[str] = (),
) -> dict[str, Any]:
    """Movies that fit what somebody typed, best first: ``{"notices", "items": [{"movie", "score", "matched"}]}``.

    By words of their texts, by titles and names with typing errors, and by meaning, which needs a live model and its
    files: without them the rest still answers, and a notice says so. Scores are comparable within one list; ``matched``
    says what found it.
    Kept for SEARCH_CACHE_SECONDS, or until the catalogue changes.
    Raises ValidationError for a query longer than MAX_QUERY and for a genre that does not exist.
    """
    q = normalise_query(q)
    if len(q) > MAX_QUERY:
        raise ValidationError({"q": f"A search takes at most {MAX_QUERY} letters."})
    asked = f"{genre or ''}:{year_from or ''}:{year_to or ''}:{limit}:{q}"
    name = f"search:{hashlib.sha256(asked.encode()).hexdigest()}"
    wanted = MovieFilter(genre_id_of(genre), year_from, year_to)
    found = remembered(name, settings.SEARCH_CACHE_SECONDS, lambda: _found(q, wanted, limit))
    return found | {"items": items_expanded(found["items"], expand)}


def _found(q: str, wanted: MovieFilter, limit: int) -> dict[str, Any]:
    by_text = movies_matching(q, wanted)
    meant = text_meaning(q)
    by_meaning = movies_meant(meant, wanted)
    scores: dict[int, float] = {}
    for movie_id in by_text.keys() | by_meaning.keys():
        meaning = by_meaning.get(movie_id, 0.0)
        text = by_text.get(movie_id)
        if text is not None or meaning >= MEANING_FLOOR:
            scores[movie_id] = (text.score if text else 0.0) + MEANING_WEIGHT * meaning
    _favour_popular(scores)
    best = sorted(scores, key=lambda movie_id: (-scores[movie_id], movie_id))[:limit]
    cards = movie_cards(best) if best else {}
    items = [
        {
            "movie": cards[movie_id],
            "score": round(scores[movie_id], 6),
            "matched": _matched(by_text.get(movie_id), by_meaning.get(movie_id, 0.0)),
        }
        for movie_id in best
        if movie_id in cards
    ]
    return {"notices": of_search(meant), "items": items}


def _favour_popular(scores: dict[int, float]) -> None:
    if not scores:
        return
    popular = PopularMovie.objects.filter(genre=None, movie_id__any_of=scores, rank__lte=settings.POPULAR_LIST_SIZE)
    for movie_id, rank in popular.order_by().values_list("movie_id", "rank"):
        scores[movie_id] += POPULAR_BONUS * (1 - (rank - 1) / settings.POPULAR_LIST_SIZE)


def _matched(text: TextMatch | None, meaning: float) -> list[str]:
    found = [arm for arm, fit in asdict(text).items() if fit > 0] if text else []
    return [*found, "meaning"] if meaning >= MEANING_FLOOR else found


def trending_list(*, genre: str | None = None, limit: int = 20, expand: Collection[str] = ()) -> dict[str, Any]:
    """Movies that more people than usual voted for lately, filled up with popular ones to ``limit``.

    ``{"basis", "until", "items": [{"movie", "score", "rank", "reason"}]}``. Lately is the newest TRENDING_WINDOW_DAYS
    with TRENDING_MIN_VOTES votes by TRENDING_MIN_PEOPLE people: those before now ("now") or, where too little happened
    since, earlier ones, as with an imported history ("history"). Where nothing stands out all is popular ("popular").
    An item's ``reason`` says which of the two it is, "trending" or "popular"; popular ones follow, without a score.
    Raises ValidationError for a genre that does not exist.
    """
    genre_id = genre_id_of(genre)
    found = remembered("trending", settings.TRENDING_CACHE_SECONDS, _trends)
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
    now, window = timezone.now(), timedelta(days=settings.TRENDING_WINDOW_DAYS)
    until = newest_window_end(
        now=now, window=window, votes=settings.TRENDING_MIN_VOTES, people=settings.TRENDING_MIN_PEOPLE
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


def latest_list(*, genre: str | None = None, limit: int = 20, expand: Collection[str] = ()) -> list[dict[str, Any]]:
    """The newest published movies: ``{"movie", "added_at"}``, by the day they were added, then by their year.

    A movie added or hidden a moment ago shows at once. Raises ValidationError for a genre that does not exist.
    """
    genre_id = genre_id_of(genre)
    found = remembered(f"latest:{genre_id or ''}", settings.LATEST_CACHE_SECONDS, lambda: _latest(genre_id))
    cards = movie_cards([movie_id for movie_id, _ in found])
    items = [{"movie": cards[movie_id], "added_at": at} for movie_id, at in found if movie_id in cards][:limit]
    return items_expanded(items, expand)


def _latest(genre_id: int | None) -> list[tuple[int, str]]:
    movies = Movie.objects.filter(MovieFilter(genre_id).condition())
    ordered = movies.annotate(day=TruncDate("created_at")).order_by(
        F("day").desc(), F("year").desc(nulls_last=True), "-created_at", "-pk"
    )
    return [
        (movie_id, at.isoformat(timespec="seconds").replace("+00:00", "Z"))
        for movie_id, at in ordered.values_list("pk", "created_at")[:KEPT]
    ]


def genre_list() -> list[dict[str, Any]]:
    """All genres by name: ``{"slug", "name", "movie_count"}``, the count of published movies.

    Kept for GENRES_CACHE_SECONDS, or until the catalogue changes.
    """
    return remembered("genres", settings.GENRES_CACHE_SECONDS, genre_counts)
