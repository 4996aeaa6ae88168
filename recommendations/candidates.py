"""Where Django meets the algorithms: what may stand in a list, with the numbers to rank it by.

Vectors leave PostgreSQL in their binary form, which NumPy reads as it is; parsing text took longer than the search.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from django.db.models import BinaryField, Exists, F, FilteredRelation, Func, OuterRef, Q, QuerySet
from numpy.typing import NDArray
from pgvector.django import CosineDistance, MaxInnerProduct

from events.selectors import Signal
from movies.models import Movie
from recommendations.algorithms.realtime import cosines
from recommendations.models import FACTOR_DIMENSIONS, ModelVersion, MovieEmbedding, PopularMovie

Vector = NDArray[np.float32]
# pgvector's binary form: two bytes of dimensions, two unused, then the numbers, most significant byte first.
_HEADER_BYTES = 4


@dataclass(frozen=True)
class LiveModel:
    """The live version and, of the person asked about, the nightly list: movie ids and raw scores, best first.

    predicted_ratings: what the person would give each movie, NaN where unknown; empty when none were predicted.
    """

    version_id: int | None = None
    movie_ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    predicted_ratings: list[float] = field(default_factory=list)

    def rating_of(self) -> dict[int, float]:
        """Predicted ratings of the movies that have one, to a tenth of a star."""
        pairs = zip(self.movie_ids, self.predicted_ratings, strict=False)
        return {movie_id: round(rating, 1) for movie_id, rating in pairs if isfinite(rating)}


@dataclass(frozen=True)
class UsableSignals:
    """A person's newest signals whose movies have query factors, newest first; k of them.

    places: positions in the list of signals asked about, shape (k,); query_factors (k, FACTOR_DIMENSIONS).
    """

    places: NDArray[np.int64]
    query_factors: Vector
    titles: dict[int, str]


def live_model(user_id: int | None = None) -> LiveModel:
    """The live version with this person's row of it, if any. One query."""
    versions = ModelVersion.objects.filter(status=ModelVersion.Status.LIVE)
    if user_id is None:
        version_id = versions.values_list("pk", flat=True).first()
        return LiveModel(version_id)
    row = (
        versions.annotate(own=FilteredRelation("lists", condition=Q(lists__user_id=user_id)))
        .values_list("pk", "own__movie_ids", "own__scores", "own__predicted_ratings")
        .first()
    )
    return LiveModel() if row is None else LiveModel(row[0], *(column or [] for column in row[1:]))


def usable_signals(version_id: int, signals: Sequence[Signal]) -> UsableSignals:
    """The signals that have query factors under this version, with the titles of their movies. One query."""
    rows = MovieEmbedding.objects.filter(
        version_id=version_id, movie_id__any_of=[signal.movie_id for signal in signals], query_factors__isnull=False
    ).values_list("movie_id", "movie__title", _binary("query_factors"))
    found = {movie_id: (title, _vector(data)) for movie_id, title, data in rows}
    places = [place for place, signal in enumerate(signals) if signal.movie_id in found]
    return UsableSignals(
        np.array(places, np.int64),
        _rows([found[signals[place].movie_id][1] for place in places]),
        {movie_id: title for movie_id, (title, _) in found.items()},
    )


def nearest_movies(version_id: int, query: Vector, exclude: Collection[int], limit: int) -> list[int]:
    """The published movies whose item factors have the largest inner product with ``query``, best first.

    An exact scan of one version that asks for as many more as there are to leave out, so that none of ``limit`` is
    lost. It selects ids alone: what else it selected would be computed for every row scanned. One query.
    """
    rows = (
        _published(version_id)
        .filter(item_factors__isnull=False)
        .order_by(MaxInnerProduct("item_factors", query), "movie_id")
        .values_list("movie_id", flat=True)[: limit + len(exclude)]
    )
    return [movie_id for movie_id in rows if movie_id not in exclude][:limit]


def item_factors_of(version_id: int, movie_ids: Collection[int]) -> dict[int, Vector]:
    """Item factors, by movie, of those of ``movie_ids`` that have any. One query, none for no ids."""
    if not movie_ids:
        return {}
    rows = MovieEmbedding.objects.filter(
        version_id=version_id, movie_id__any_of=movie_ids, item_factors__isnull=False
    ).values_list("movie_id", _binary("item_factors"))
    return {movie_id: _vector(data) for movie_id, data in rows}


def popular_movies(
    limit: int, exclude: Collection[int] = (), genre_id: int | None = None
) -> tuple[list[int], list[float]]:
    """Ids and raw scores of published movies that are popular with everyone, or in one genre, best first. One query."""
    rows = PopularMovie.objects.filter(movie__status=Movie.Status.PUBLISHED)
    rows = rows.filter(genre__isnull=True) if genre_id is None else rows.filter(genre_id=genre_id)
    listed = rows.order_by("rank").values_list("movie_id", "score")[: limit + len(exclude)]
    found = [row for row in listed if row[0] not in exclude][:limit]
    return [movie_id for movie_id, _ in found], [score for _, score in found]


@dataclass(frozen=True)
class Neighbours:
    """Movies near one movie, n of them in no order: what they give the ranking.

    by_taste: inner product of the movie's query factors with theirs, NaN where there are no factors, shape (n,);
    by_content: cosine of the content vectors, shape (n,).
    """

    movie_ids: list[int]
    by_taste: NDArray[np.float32]
    by_content: NDArray[np.float32]


def similar_movies(version_id: int, movie_id: int, limit: int) -> Neighbours | None:
    """The ``limit`` published movies nearest to one by taste and the ``limit`` nearest by content, together.

    None when the version does not know the movie. Four queries.
    """
    own = (
        MovieEmbedding.objects.filter(version_id=version_id, movie_id=movie_id)
        .values_list(_binary("query_factors"), _binary("content"))
        .first()
    )
    if own is None:
        return None
    query = None if own[0] is None else _vector(own[0])
    content = _vector(own[1])
    others = _published(version_id).exclude(movie_id=movie_id)
    nearest = set(others.order_by(CosineDistance("content", content)).values_list("movie_id", flat=True)[:limit])
    if query is not None and query.any():
        nearest.update(nearest_movies(version_id, query, [movie_id], limit))
    rows = _published(version_id).filter(movie_id__any_of=nearest).order_by("movie_id")
    found = {row[0]: row[1:] for row in rows.values_list("movie_id", _binary("item_factors"), _binary("content"))}
    by_taste = [np.nan if query is None or f is None else float(_vector(f) @ query) for f, _ in found.values()]
    contents = np.stack([_vector(c) for _, c in found.values()]) if found else np.zeros((0, len(content)), np.float32)
    return Neighbours(list(found), np.array(by_taste, np.float32), cosines(content, contents))


def _published(version_id: int) -> QuerySet[MovieEmbedding]:
    """The version's vectors without those of the few movies that are not published.

    Said this way round PostgreSQL hashes the few; joining the many took four times as long as the search itself.
    """
    unpublished = Movie.objects.filter(pk=OuterRef("movie_id")).exclude(status=Movie.Status.PUBLISHED)
    return MovieEmbedding.objects.filter(~Exists(unpublished), version_id=version_id)


def _binary(column: str) -> Func:
    return Func(F(column), function="vector_send", output_field=BinaryField())


def _vector(data: bytes | memoryview) -> Vector:
    return np.frombuffer(data, ">f4", offset=_HEADER_BYTES).astype(np.float32)


def _rows(vectors: list[Vector]) -> Vector:
    return np.stack(vectors) if vectors else np.zeros((0, FACTOR_DIMENSIONS), np.float32)
