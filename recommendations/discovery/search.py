"""Search for movies: by titles, people, words and meaning."""

import hashlib
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max

from movies.availability.regions import effective_region
from movies.filters import MovieFilter
from movies.search import MAX_QUERY_LENGTH, TextMatch, movies_matching
from movies.selectors import items_expanded, movie_cards
from movies.text import normalise_query
from recommendations.curation.active import never_listed_in
from recommendations.discovery.genres import genre_id_of
from recommendations.discovery.stamped_cache import cached
from recommendations.models import PopularMovie
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.notices import search_notices
from recommendations.vectors.text_query import nearest_by_text, text_meaning

# Among equal matches the more popular movie comes first: added to the score of the most popular of those found.
POPULAR_BONUS = 0.3
# The weight of a cosine of 1; low enough that a title typed in full always comes first.
MEANING_WEIGHT = 0.8
# A movie that contains no word of the query is shown from this cosine on.
MEANING_FLOOR = 0.12


def search_list(
    *,
    q: str,
    genre: str | None = None,
    year_from: int | None = None,
    year_to: int | None = None,
    limit: int = 20,
    region: str = "",
    expand: Collection[str] = (),
) -> dict[str, Any]:
    """Movies that match a typed query, best first: ``{"notices", "items": [{"movie", "score", "matched"}]}``.

    Matches titles and names in spite of typing errors, words of texts, and meaning. Meaning needs a live model and its
    files: without them the other matchers still answer, and a notice says so. Scores are comparable within one list;
    ``matched`` names the matchers that found the movie.

    region: only what is available there; DEFAULT_REGION without one. Cached for SEARCH_CACHE_SECONDS, or until the
    catalogue changes.
    Raises ValidationError for a query longer than MAX_QUERY_LENGTH and for a genre that does not exist.
    """
    q = normalise_query(q)
    if len(q) > MAX_QUERY_LENGTH:
        raise ValidationError({"q": f"A search takes at most {MAX_QUERY_LENGTH} letters."})
    region = effective_region(region)
    request = f"{genre or ''}:{year_from or ''}:{year_to or ''}:{limit}:{region}:{q}"
    name = f"search:{hashlib.sha256(request.encode()).hexdigest()}"
    movie_filter = MovieFilter(genre_id=genre_id_of(genre), year_from=year_from, year_to=year_to)
    found = cached(name, serving_config().search_cache_seconds, lambda: _search(q, movie_filter, limit, region))
    return found | {"items": items_expanded(found["items"], expand)}


def _search(q: str, movie_filter: MovieFilter, limit: int, region: str) -> dict[str, Any]:
    """The answer that is cached: cards without what ``expand`` adds."""
    by_text = movies_matching(q, replace(movie_filter, region=region))
    meaning, never = text_meaning(q), never_listed_in(region)
    by_meaning = nearest_by_text(meaning, movie_filter, never)
    scores: dict[int, float] = {}
    for movie_id in (by_text.keys() | by_meaning.keys()) - never:
        cosine = by_meaning.get(movie_id, 0.0)
        text = by_text.get(movie_id)
        if text is not None or cosine >= MEANING_FLOOR:
            scores[movie_id] = (text.score if text else 0.0) + MEANING_WEIGHT * cosine
    _add_popularity(scores, limit)
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
    return {"notices": search_notices(meaning), "items": items}


def _add_popularity(scores: dict[int, float], limit: int) -> None:
    """Adds up to POPULAR_BONUS to the movies of any popular list, by their best score, in place. One query.

    Only to those that it can bring among the first ``limit``.
    """
    if not scores:
        return
    floor = sorted(scores.values(), reverse=True)[:limit][-1] - POPULAR_BONUS
    near = [movie_id for movie_id, score in scores.items() if score >= floor]
    popular = PopularMovie.objects.filter(movie_id__any_of=near).order_by().values("movie_id")
    found = dict(popular.annotate(best=Max("score")).values_list("movie_id", "best"))
    best = max(found.values(), default=0.0)
    for movie_id, score in found.items():
        if score > 0:
            scores[movie_id] += POPULAR_BONUS * (score / best) ** 0.5


def _matched(text: TextMatch | None, cosine: float) -> list[str]:
    """The names of the matchers that found a movie."""
    matchers = [matcher for matcher, score in asdict(text).items() if score > 0] if text else []
    return [*matchers, "meaning"] if cosine >= MEANING_FLOOR else matchers
