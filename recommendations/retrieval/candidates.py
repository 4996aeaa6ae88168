"""Where Django meets the algorithms: what may stand in a list, with the numbers to rank it by.

Vectors leave PostgreSQL in their binary form, which NumPy reads as it is; parsing text took longer than the search.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import BinaryField, F, Func, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from numpy.typing import NDArray
from pgvector.django import CosineDistance, MaxInnerProduct

from events.selectors import Signal
from movies.models import Credit, Movie
from recommendations.models import FACTOR_DIMENSIONS, LIVE_VERSION, ModelVersion, MovieEmbedding, PopularMovie
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.filters import ListFilters
from recommendations.vectors.search import nearest_by_content, nearest_by_factors, nearest_to_each_by_factors

Vector = NDArray[np.float32]
# Of more new movies than these the newest are explored.
MAX_NEW_MOVIES = 200
# A hundred years are for ever, and no time before PostgreSQL's or Python's first.
_MAX_NEW_DAYS = 36_500.0
# pgvector's binary form: two bytes of dimensions, two unused, then the numbers, most significant byte first.
_HEADER_BYTES = 4
# Every missed list asks this; putting it together as a queryset took longer than PostgreSQL takes to answer.
_LIVE_MODEL_SQL = f"""
    SELECT version.id, version.finished_at, version.started_at, own.movie_ids, own.scores, own.predicted_ratings
    FROM recommendations_modelversion version
    LEFT JOIN batch_recommendations own ON own.version_id = version.id AND own.user_id = %(user)s::bigint
    WHERE {LIVE_VERSION}
"""  # noqa: S608 -- no input in it.
_LIVE_MODELS_SQL = f"""
    SELECT person.id, version.id, version.finished_at, version.started_at,
        own.movie_ids, own.scores, own.predicted_ratings
    FROM unnest(%(users)s::bigint[]) person (id)
    JOIN recommendations_modelversion version ON {LIVE_VERSION}
    LEFT JOIN batch_recommendations own ON own.version_id = version.id AND own.user_id = person.id
"""  # noqa: S608 -- no input in it.


@dataclass(frozen=True)
class LiveModel:
    """The live version and, of the person asked about, the nightly list: movie ids and raw scores, best first.

    predicted_ratings: what the person would give each movie, NaN where unknown; empty when none were predicted.
    read_from: when the training began to read; it may lack what was done later.
    """

    version_id: int | None = None
    movie_ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    predicted_ratings: list[float] = field(default_factory=list)
    trained_at: datetime | None = None
    read_from: datetime | None = None

    def newer_than_training(self, signals: Sequence[Signal]) -> NDArray[np.bool_]:
        """Which of n signals are newer than what the training read, shape (n,)."""
        read_from = self.read_from
        return np.array([read_from is not None and signal.occurred_at > read_from for signal in signals], np.bool_)

    def ratings_by_movie(self) -> dict[int, float]:
        """Predicted ratings of the movies that have one, to a tenth of a star."""
        pairs = zip(self.movie_ids, self.predicted_ratings, strict=False)
        return {movie_id: round(rating, 1) for movie_id, rating in pairs if isfinite(rating)}


def live_model(user_id: int | None = None) -> LiveModel:
    """The live version with this person's row of it, if any. One query."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_LIVE_MODEL_SQL, {"user": user_id})
        row = cursor.fetchone()
    if row is None:
        return LiveModel()
    version_id, trained_at, read_from, movie_ids, scores, ratings = row
    return LiveModel(version_id, movie_ids or [], scores or [], ratings or [], trained_at, read_from)


def live_models(user_ids: Collection[int]) -> dict[int, LiveModel]:
    """The same for several people, by their ids. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVE_MODELS_SQL, {"users": list(user_ids)})
        rows = cursor.fetchall()
    found = {
        user_id: LiveModel(version_id, movie_ids or [], scores or [], ratings or [], trained_at, read_from)
        for user_id, version_id, trained_at, read_from, movie_ids, scores, ratings in rows
    }
    return {user_id: found.get(user_id, LiveModel()) for user_id in user_ids}


def factors_by_movie(version_id: int, movie_ids: Collection[int]) -> dict[int, tuple[str, Vector, Vector]]:
    """Title, query factors and item factors, by movie, of those of ``movie_ids`` that have any. One query."""
    rows = MovieEmbedding.objects.filter(
        version_id=version_id,
        movie_id__any_of=movie_ids,
        query_factors__isnull=False,
        item_factors__isnull=False,
    ).values_list("movie_id", "movie__title", _binary_column("query_factors"), _binary_column("item_factors"))
    return {movie_id: (title, _parse_vector(query), _parse_vector(item)) for movie_id, title, query, item in rows}


def nearest_movies(
    version_id: int, query: Vector, exclude: Collection[int], limit: int, filters: ListFilters | None = None
) -> list[int]:
    """The published movies that pass the filters whose item factors have the largest inner product with ``query``.

    Best first, and as many as ``limit`` if there are any more. One query; see vector_search.
    """
    return [movie_id for movie_id, _ in nearest_by_factors(version_id, query, limit, exclude, _passing_ids(filters))]


def nearest_to_each(version_id: int, queries: Sequence[Vector], exclude: Collection[int], limit: int) -> list[set[int]]:
    """The ``limit`` published movies nearest to each of several query vectors, in no order. One query."""
    return nearest_to_each_by_factors(version_id, queries, limit, exclude)


def popular_movies(
    limit: int, exclude: Collection[int] = (), genre_id: int | None = None, filters: ListFilters | None = None
) -> tuple[list[int], list[float]]:
    """Ids and raw scores of published movies that are popular with everyone, or in one genre, best first. One query."""
    rows = PopularMovie.objects.filter(_listable(filters))
    rows = rows.filter(genre__isnull=True) if genre_id is None else rows.filter(genre_id=genre_id)
    listed = rows.order_by("rank").values_list("movie_id", "score")[: limit + len(exclude)]
    found = [row for row in listed if row[0] not in exclude][:limit]
    return [movie_id for movie_id, _ in found], [score for _, score in found]


def popular_by_genre(slugs: Collection[str], filters: ListFilters) -> dict[str, list[tuple[int, float]]]:
    """The ids and raw scores of all of the popular list of each of these genres that pass, best first. One query."""
    rows = PopularMovie.objects.filter(_listable(filters), genre__slug__in=slugs)
    found: dict[str, list[tuple[int, float]]] = {}
    for slug, movie_id, score in rows.order_by("genre__slug", "rank").values_list("genre__slug", "movie_id", "score"):
        found.setdefault(slug, []).append((movie_id, score))
    return found


def new_since() -> datetime:
    """A movie that was added later than this is new, by EXPLORATION_DAYS."""
    return timezone.now() - timedelta(days=min(serving_config().exploration_days, _MAX_NEW_DAYS))


def new_movies(version_id: int) -> dict[int, datetime]:
    """When each movie was added of those that are new: published, added within EXPLORATION_DAYS, and known to the
    version by nothing but their text. Newest first, at most MOST_NEW. One query.

    What was there before the first training is the catalogue that one began with, and not new in it.
    """
    first_training = ModelVersion.objects.filter(started_at__isnull=False).order_by("started_at").values("started_at")
    since = Value(new_since())
    rows = MovieEmbedding.objects.filter(
        version_id=version_id,
        factors_source=MovieEmbedding.Source.PREDICTED,
        item_factors__isnull=False,
        movie__status=Movie.Status.PUBLISHED,
        # PostgreSQL's greatest of a time and of none is the time.
        movie__created_at__gt=Greatest(since, Subquery(first_training[:1])),
    )
    newest = rows.order_by("-movie__created_at", "-movie_id")[:MAX_NEW_MOVIES]
    return dict(newest.values_list("movie_id", "movie__created_at"))


def catalogue_movies(limit: int, exclude: Collection[int], filters: ListFilters) -> list[int]:
    """Published movies that pass, the best of any popular list first, then the newest: what fills a narrow list when
    everything better is used up. One query."""
    best = PopularMovie.objects.filter(movie_id=OuterRef("pk")).order_by("-score").values("score")[:1]
    order = (F("popularity").desc(nulls_last=True), F("year").desc(nulls_last=True), F("pk").desc())
    rows = filters.movies().annotate(popularity=Subquery(best)).order_by(*order).values_list("pk", flat=True)
    return [movie_id for movie_id in rows[: limit + len(exclude)] if movie_id not in exclude][:limit]


def nearest_by_text(
    version_id: int, vector: Vector, exclude: Collection[int], limit: int, filters: ListFilters
) -> list[int]:
    """The movies that pass whose texts mean most nearly what ``vector`` means, best first. One query."""
    return [movie_id for movie_id, _ in nearest_by_content(version_id, vector, limit, exclude, _passing_ids(filters))]


def content_cosines(version_id: int, vector: Vector, movie_ids: Collection[int]) -> dict[int, float]:
    """How near the text of each of these movies is to ``vector``, cosine, by movie. One query."""
    rows = MovieEmbedding.objects.filter(version_id=version_id, movie_id__any_of=movie_ids)
    distances = rows.values_list("movie_id", CosineDistance("content", vector))
    return {movie_id: 1.0 - float(distance) for movie_id, distance in distances}


def directors_by_movie(movie_ids: Collection[int]) -> dict[int, list[str]]:
    """The directors of each of these movies that has any, as keys of a group. One query."""
    found: dict[int, list[str]] = {}
    rows = Credit.objects.filter(movie_id__any_of=movie_ids, role=Credit.Role.DIRECTOR).order_by()
    for movie_id, person_id in rows.values_list("movie_id", "person_id"):
        found.setdefault(movie_id, []).append(f"director {person_id}")
    return found


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
        .values_list(_binary_column("query_factors"), _binary_column("content"))
        .first()
    )
    if own is None:
        return None
    query = None if own[0] is None else _parse_vector(own[0])
    content = _parse_vector(own[1])
    by_content = dict(nearest_by_content(version_id, content, limit, [movie_id]))
    by_taste = {}
    if query is not None and query.any():
        by_taste = dict(nearest_by_factors(version_id, query, limit, [movie_id]))
    # Each search tells how near what it found is; the rest is reckoned where the vectors are.
    known = by_taste if query is not None else by_content
    rows = MovieEmbedding.objects.filter(version_id=version_id, movie_id__any_of=by_content.keys() ^ known.keys())
    taste = MaxInnerProduct("item_factors", np.zeros(FACTOR_DIMENSIONS) if query is None else query)
    for other, product, distance in rows.values_list("movie_id", taste, CosineDistance("content", content)):
        by_content[other] = 1.0 - distance
        if product is not None:
            by_taste[other] = -product
    ids = sorted(by_content)
    tastes = [by_taste.get(other, np.nan) if query is not None else np.nan for other in ids]
    return Neighbours(
        ids, np.array(tastes, np.float32), np.nan_to_num(np.array([by_content[other] for other in ids], np.float32))
    )


def _passing_ids(filters: ListFilters | None) -> QuerySet[Any] | None:
    """The ids of the movies that pass the filters; None when all published ones do."""
    return filters.movie_ids() if filters is not None and filters.narrows else None


def _listable(filters: ListFilters | None) -> Q:
    """Of rows with a movie: those whose movie is published and passes."""
    if filters is None or not filters.narrows:
        return Q(movie__status=Movie.Status.PUBLISHED)
    return Q(movie_id__any_of=ArraySubquery(filters.movies().values("pk")))


def _binary_column(column: str) -> Func:
    return Func(F(column), function="vector_send", output_field=BinaryField())


def _parse_vector(data: bytes | memoryview) -> Vector:
    return np.frombuffer(data, ">f4", offset=_HEADER_BYTES).astype(np.float32)
