"""Places of a list that new movies may take, so that somebody sees them before anybody has rated them.

A movie that nobody rated has factors predicted from its text, and seldom makes its way past what thousands like;
without a place it would never be rated. The price is small and bounded: EXPLORATION_PLACES of the first twenty, none of
them at the very top, each with the new movie that suits the person best.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.utils import timezone

from recommendations.retrieval.config import MAX_EXPLORATION_PLACES, serving_config
from recommendations.retrieval.reasons import NEW_HERE, NEW_THIS_WEEK, Reason
from recommendations.serving.gather import GatheredList

# Places for new movies are among this many at the top of a list, after the first ones.
EXPLORED_TOP = 20
FIXED_TOP = 3
_LAST_START = 15
NEW_FOR_A_WEEK = timedelta(days=7)
# Candidates considered for each place: hardly any breaks the cap of its franchise or director.
_CANDIDATES_A_PLACE = 20


class NewMovie(NamedTuple):
    """A new movie and its place, from 0."""

    place: int
    movie_id: int
    reason: Reason


def places(count: int) -> list[int]:
    """Where the new movies are inserted, from 0: evenly among the first twenty, one of them tenth.

    >>> places(0), places(1), places(3)
    ([], [9], [5, 9, 13])
    """
    count = min(count, MAX_EXPLORATION_PLACES)
    return [FIXED_TOP + _LAST_START * number // (count + 1) - 1 for number in range(1, count + 1)]


def choose_new_movies(listed: list[int], gathered: GatheredList) -> list[NewMovie]:
    """The new movies for the places of a list of these movies, best by the person's query first, none that it speaks
    against; the newest first without a query.

    One that is among the first twenty anyway keeps its place, and none makes its franchise or director one too many at
    the top.
    """
    wanted = places(serving_config().exploration_places)
    if not wanted or not gathered.new_movies or len(listed) <= wanted[0]:
        return []
    config, movies = serving_config().reranking, gathered.movies
    at_top = [group for movie in listed[: config.top] for group in movies.groups[movie]]
    chosen: list[NewMovie] = []
    for movie in _ranked(listed, gathered)[: _CANDIDATES_A_PLACE * len(wanted)]:
        if len(chosen) == len(wanted):
            break
        groups = movies.groups[movie] if movie in movies.cards else ()
        crowded = config.group_cap and any(at_top.count(group) >= config.group_cap for group in groups)
        if movie in movies.cards and not crowded:
            at_top.extend(groups)
            chosen.append(NewMovie(wanted[len(chosen)], movie, _reason(gathered.new_movies[movie])))
    return chosen


def _ranked(listed: list[int], gathered: GatheredList) -> list[int]:
    held = set(listed[:EXPLORED_TOP])
    new = [movie for movie in gathered.new_movies if movie not in held]
    profile = gathered.pool.profile
    if profile is None or not new:
        return new
    _, factors = gathered.movies.factors(new)
    liking = factors @ profile.query
    return [new[place] for place in np.argsort(-liking, kind="stable").tolist() if liking[place] > 0]


def _reason(created_at: datetime) -> Reason:
    return NEW_THIS_WEEK if timezone.now() - created_at < NEW_FOR_A_WEEK else NEW_HERE
