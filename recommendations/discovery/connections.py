"""The neighbours of a movie, and what connects them, for staff. Nothing is cached."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from movies.models import Credit, Movie
from recommendations.algorithms.listing.blending import normalise
from recommendations.discovery.similar import similarities
from recommendations.retrieval import candidates
from recommendations.vectors.neighbours import similar_movies

MAX_NEIGHBOURS = 50


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A movie near another one, and what they have in common.

    similarity: as served, 0 to 1; taste: of the people who like both, 0 to 1 within the neighbours, None without
    factors; content: cosine similarity of their texts. The names are shared.
    """

    movie_id: int
    title: str
    year: int | None
    similarity: float
    taste: float | None
    content: float
    genres: tuple[str, ...]
    people: tuple[str, ...]
    keywords: tuple[str, ...]


def neighbours_of(*, movie: Movie, limit: int = 20) -> list[Neighbour] | None:
    """The ``limit`` (at most MAX_NEIGHBOURS) most similar published movies, best first.

    None if the live version has no vectors of the movie. Ten queries at most.
    """
    limit = min(limit, MAX_NEIGHBOURS)
    version_id = candidates.live_model().version_id
    found = None if version_id is None else similar_movies(version_id, movie.pk, MAX_NEIGHBOURS)
    if found is None:
        return None
    scores, taste = similarities(found), normalise(found.by_taste)
    order = np.lexsort((np.array(found.movie_ids), -scores)).tolist()[:limit]
    ids = [found.movie_ids[row] for row in order]
    movies = _contents({movie.pk, *ids})
    own = movies[movie.pk]
    rows = [(row, movies[found.movie_ids[row]]) for row in order if found.movie_ids[row] in movies]
    return [
        Neighbour(
            other.movie.pk,
            other.movie.title,
            other.movie.year,
            float(scores[row]),
            None if np.isnan(found.by_taste[row]) else float(taste[row]),
            float(found.by_content[row]),
            _shared(own.genres, other.genres),
            _shared(own.people, other.people),
            _shared(own.movie.keywords, other.movie.keywords),
        )
        for row, other in rows
    ]


@dataclass(frozen=True, slots=True)
class _Content:
    movie: Movie
    genres: list[str]
    people: list[str]


def _contents(movie_ids: Collection[int]) -> dict[int, _Content]:
    """Names of genres, people and keywords of the movies, by id. Three queries."""
    movies = Movie.objects.filter(pk__in=movie_ids).only("title", "year", "keywords").prefetch_related("genres")
    people: dict[int, list[str]] = {}
    credits_ = Credit.objects.filter(movie_id__in=movie_ids).order_by("-role", "position")
    for movie_id, name in credits_.values_list("movie_id", "person__name"):
        people.setdefault(movie_id, []).append(name)
    return {
        movie.pk: _Content(movie, [genre.name for genre in movie.genres.all()], people.get(movie.pk, []))
        for movie in movies
    }


def _shared(own: Collection[str], others: Collection[str]) -> tuple[str, ...]:
    """What both have, in the order of the first, without regard to case."""
    known = {name.casefold() for name in others}
    return tuple(dict.fromkeys(name for name in own if name.casefold() in known))
