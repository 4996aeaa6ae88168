"""Movies by what somebody typed: titles, people, words and meaning."""

import hashlib
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError

from movies.filters import MovieFilter
from movies.search import MAX_QUERY, TextMatch, movies_matching
from movies.selectors import items_expanded, movie_cards
from movies.text import normalise_query
from recommendations.discovery.genres import genre_id_of
from recommendations.discovery.stamped_cache import cached
from recommendations.models import PopularMovie
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.notices import of_search
from recommendations.vectors.text_query import movies_meant, text_meaning

# Of what fits alike the more popular comes first: the most popular movie of all is worth this much more.
POPULAR_BONUS = 0.15
# Nothing the encoder finds stands above a title that is typed in full.
MEANING_WEIGHT = 0.8
# The least of what a movie means that is worth showing without a word of the query in it.
MEANING_FLOOR = 0.12


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
    wanted = MovieFilter(genre_id=genre_id_of(genre), year_from=year_from, year_to=year_to)
    found = cached(name, serving_config().search_cache_seconds, lambda: _found(q, wanted, limit))
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
    size = serving_config().popular_list_size
    popular = PopularMovie.objects.filter(genre=None, movie_id__any_of=scores, rank__lte=size)
    for movie_id, rank in popular.order_by().values_list("movie_id", "rank"):
        scores[movie_id] += POPULAR_BONUS * (1 - (rank - 1) / size)


def _matched(text: TextMatch | None, meaning: float) -> list[str]:
    found = [arm for arm, fit in asdict(text).items() if fit > 0] if text else []
    return [*found, "meaning"] if meaning >= MEANING_FLOOR else found
