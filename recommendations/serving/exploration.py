"""Places of a list that new movies may take, so that somebody sees them before anybody has said anything about them.

A movie that nobody rated has factors predicted from its text, and seldom makes its way past what thousands like;
without a place it would never be rated. The price is small and bounded: EXPLORATION_PLACES of the first twenty, none of
them at the very top, each with what of the new movies suits the person best.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from recommendations.retrieval import reasons
from recommendations.retrieval.candidates import Vector, new_since
from recommendations.retrieval.config import MAX_EXPLORATION_PLACES, serving_config
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache

# Of so many movies at the top of a list some places are for new ones, after these first.
FIRST = 20
FIXED_TOP = 3
_LAST_BEGUN = 15
NEW_FOR_A_WEEK = timedelta(days=7)
# So many a place are looked at: hardly any is hidden or one too many at the top.
_TRIED = 20
Items = list[dict[str, Any]]


def places(count: int) -> list[int]:
    """Where the new movies stand, from 0: evenly among the first twenty, one of them tenth.

    >>> places(0), places(1), places(3)
    ([], [9], [5, 9, 13])
    """
    count = min(count, MAX_EXPLORATION_PLACES)
    return [FIXED_TOP + _LAST_BEGUN * number // (count + 1) - 1 for number in range(1, count + 1)]


def explored(
    facts: MovieFeatureCache,
    items: Items,
    *,
    version_id: int | None,
    query: Vector | None,
    filters: ListFilters,
    unwanted: set[int],
) -> tuple[Items, dict[str, Any]]:
    """The list with new movies at their places, marked ``explored``, and an explanation of it. As long as it was.

    Best by ``query`` first, and none that it speaks against; the newest first for who has none. A new movie further
    down than the first twenty moves up; one among them stays. A list with a mood is left as it is: it was asked for.
    One query for a filtered list; otherwise none while the new movies are remembered.
    """
    wanted = places(serving_config().exploration_places)
    explanation: dict[str, Any] = {"places": len(wanted), "new_movies": 0, "movies": []}
    if not wanted or version_id is None or filters.mood or len(items) <= wanted[0]:
        return items, explanation
    since = new_since()
    created = {movie: at for movie, at in facts.new_movies(version_id).items() if at > since and movie not in unwanted}
    passing = filters.passing(created)
    held = {item["movie"]["id"] for item in items[:FIRST]}
    ranked = _ranked(facts, [movie for movie in created if movie in passing and movie not in held], version_id, query)
    explanation["new_movies"] = len(created)
    chosen = _chosen(facts, items, ranked, wanted)
    found = {item["movie"]["id"]: item for item in items}
    taken = {movie for _, movie in chosen}
    made = [item for item in items if item["movie"]["id"] not in taken]
    cards = facts.cards(taken)
    for place, movie in chosen:
        item = found.get(movie) or _item(cards[movie], items[-1])
        made.insert(place, item | {"reason": _reason(created[movie]), "explored": True})
        explanation["movies"].append(movie)
    return made[: len(items)], explanation


def _ranked(facts: MovieFeatureCache, movies: list[int], version_id: int, query: Vector | None) -> list[int]:
    """The movies that suit, best first; they come newest first, which is how ties and people without a query go."""
    if query is None or not movies:
        return movies
    _, factors = facts.vectors(version_id).item_factors(movies)
    liking = factors @ query
    return [movies[place] for place in np.argsort(-liking, kind="stable").tolist() if liking[place] > 0]


def _chosen(facts: MovieFeatureCache, items: Items, ranked: list[int], wanted: list[int]) -> list[tuple[int, int]]:
    """Which movie stands at which place: published ones, and none that makes its franchise or director one too many at
    the top."""
    config = serving_config().reranking
    top = [item["movie"]["id"] for item in items[: config.top]]
    published = facts.cards([*ranked[: _TRIED * len(wanted)], *top])
    told = [group for movie in top if movie in published for group in facts.groups(movie)]
    chosen: list[tuple[int, int]] = []
    for movie in ranked[: _TRIED * len(wanted)]:
        if len(chosen) == len(wanted):
            break
        groups = facts.groups(movie) if movie in published else ()
        crowded = config.group_cap and any(told.count(group) >= config.group_cap for group in groups)
        if movie in published and not crowded:
            told.extend(groups)
            chosen.append((wanted[len(chosen)], movie))
    return chosen


def _item(card: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    """A movie that the list did not hold: so its score is at most that of the last that it did."""
    shares = dict.fromkeys(last["sources"], 0.0) | {"realtime": 1.0}
    return {"movie": card, "score": last["score"], "sources": shares, "predicted_rating": None}


def _reason(created_at: datetime) -> reasons.Reason:
    return reasons.NEW_THIS_WEEK if timezone.now() - created_at < NEW_FOR_A_WEEK else reasons.NEW_HERE
