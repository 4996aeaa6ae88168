"""Exploration: reserves positions of a list for new movies, so that people see them before anyone has rated them.

The factors of a movie without ratings are predicted from its text, and it rarely outranks popular movies; without a
reserved position it would get no ratings. The cost is bounded: EXPLORATION_PLACES of the first twenty positions, below
the first three, each for the new movie that suits the person best.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.utils import timezone

from recommendations.algorithms.listing.dislikes import dislike_penalties
from recommendations.retrieval.config import MAX_EXPLORATION_PLACES
from recommendations.retrieval.reasons import NEW_HERE, NEW_THIS_WEEK, Reason
from recommendations.serving.gather import GatheredList

# New movies are inserted after the first FIXED_TOP positions and within the first EXPLORATION_TOP.
EXPLORATION_TOP = 20
FIXED_TOP = 3
_POSITION_SPAN = 15
NEW_FOR_A_WEEK = timedelta(days=7)
# Candidates considered for each position: few of them break the cap of their franchise or director.
_CANDIDATES_PER_POSITION = 20


class NewMovie(NamedTuple):
    """A new movie and its position in the list, from 0."""

    position: int
    movie_id: int
    reason: Reason


def new_movie_positions(count: int) -> list[int]:
    """The positions of ``count`` new movies, from 0, evenly spaced in the first twenty.

    >>> new_movie_positions(0), new_movie_positions(1), new_movie_positions(3)
    ([], [9], [5, 9, 13])
    """
    count = min(count, MAX_EXPLORATION_PLACES)
    return [FIXED_TOP + _POSITION_SPAN * n // (count + 1) - 1 for n in range(1, count + 1)]


def choose_new_movies(listed: list[int], gathered: GatheredList) -> list[NewMovie]:
    """Choose the new movies to insert into a list of these movies, best first.

    They are ranked by the inner product with the person's query, without those of 0 or less; without a query, newest
    first. A new movie that is already among the first twenty is not chosen, nor is one that would break the cap of its
    franchise or director at the top.
    """
    positions = new_movie_positions(gathered.request.exploration_places)
    if not positions or not gathered.new_movies or len(listed) <= positions[0]:
        return []
    config, movies = gathered.request.reranking, gathered.movies
    top_groups = [group for movie in listed[: config.top] for group in movies.groups[movie]]
    chosen: list[NewMovie] = []
    for movie in _ranked(listed, gathered)[: _CANDIDATES_PER_POSITION * len(positions)]:
        if len(chosen) == len(positions):
            break
        groups = movies.groups[movie] if movie in movies.cards else ()
        crowded = config.group_cap and any(top_groups.count(group) >= config.group_cap for group in groups)
        if movie in movies.cards and not crowded:
            top_groups.extend(groups)
            chosen.append(NewMovie(positions[len(chosen)], movie, _reason(gathered.new_movies[movie])))
    return chosen


def _ranked(listed: list[int], gathered: GatheredList) -> list[int]:
    at_top = set(listed[:EXPLORATION_TOP])
    new = [movie for movie in gathered.new_movies if movie not in at_top]
    profile = gathered.pool.profile
    if profile is None or not new:
        return new
    _, factors = gathered.movies.factors(new)
    # A place that is given away is not for what is near a disliked movie.
    penalties = dislike_penalties(profile, factors, gathered.ranking.dislikes)
    scores = np.where(penalties > 0, 0.0, factors @ profile.query)
    return [new[position] for position in np.argsort(-scores, kind="stable").tolist() if scores[position] > 0]


def _reason(created_at: datetime) -> Reason:
    return NEW_THIS_WEEK if timezone.now() - created_at < NEW_FOR_A_WEEK else NEW_HERE
