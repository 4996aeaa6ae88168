"""Queries for the candidates of lists and for the scores and vectors that rank them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from numpy.typing import NDArray
from pgvector.django import CosineDistance

from events.selectors import HISTORY, Signal, history_of_rows, history_values
from movies.models import Credit, Movie
from recommendations.models import LIVE_VERSION, ModelVersion, MovieEmbedding, PopularMovie
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.filters import ListFilters
from recommendations.vectors.binary import (
    Vector,
    binary_column,
    binary_half_column,
    parse_half_vector,
    parse_vector,
)
from recommendations.vectors.search import nearest_by_content, nearest_by_factors, nearest_to_each_by_factors

# Only this many of the newest movies can be explored.
MAX_NEW_MOVIES = 200
# A hundred years: in effect no limit, and within the date ranges of PostgreSQL and Python.
_MAX_NEW_DAYS = 36_500.0
# Written out because every cache miss runs it, and building a queryset took longer than executing the statement.
_LIVE_MODEL_SQL = f"""
    SELECT version.id, version.finished_at, version.started_at, own.movie_ids, own.scores, own.predicted_ratings
    FROM recommendations_modelversion version
    LEFT JOIN batch_recommendations own ON own.version_id = version.id AND own.user_id = %(user)s::bigint
    WHERE {LIVE_VERSION}
"""  # noqa: S608 -- no input in it.
# Both in one round trip; the model's row has its columns after those of the history, which are empty.
_MODEL_AND_HISTORY_SQL = f"""
    SELECT history.*, NULL::bigint, NULL::timestamptz, NULL::timestamptz,
        NULL::int[], NULL::real[], NULL::real[]
    FROM ({HISTORY}) history
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, live.* FROM ({_LIVE_MODEL_SQL}) live
"""  # noqa: S608 -- no input in it.
# The same for a version that an arm of an experiment ranks with, while it has its vectors.
_VERSION_MODEL_SQL = """
    SELECT version.id, version.finished_at, version.started_at, own.movie_ids, own.scores, own.predicted_ratings
    FROM recommendations_modelversion version
    LEFT JOIN batch_recommendations own ON own.version_id = version.id AND own.user_id = %(user)s::bigint
    WHERE version.id = %(version)s::bigint AND version.status IN ('ready', 'live', 'retired', 'refused')
        AND EXISTS (SELECT FROM recommendations_movieembedding vectors WHERE vectors.version_id = version.id)
"""


@dataclass(frozen=True)
class LiveModel:
    """The live version and one person's nightly list in it: movie ids and raw scores, best first.

    predicted_ratings: the person's predicted rating of each movie, NaN where there is none; empty if none were
    predicted. read_from: when the training began to read its data; it may lack later signals.
    """

    version_id: int | None = None
    movie_ids: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    predicted_ratings: list[float] = field(default_factory=list)
    trained_at: datetime | None = None
    read_from: datetime | None = None

    def newer_than_training(self, signals: Sequence[Signal]) -> NDArray[np.bool_]:
        """Which of n signals are newer than the training data, bool (n,)."""
        read_from = self.read_from
        return np.array([read_from is not None and signal.occurred_at > read_from for signal in signals], np.bool_)

    def ratings_by_movie(self) -> dict[int, float]:
        """The nightly predicted ratings, by movie id, not rounded."""
        pairs = zip(self.movie_ids, self.predicted_ratings, strict=False)
        return {movie_id: rating for movie_id, rating in pairs if isfinite(rating)}


def live_model(user_id: int | None = None) -> LiveModel:
    """The live version with this person's nightly list, if any. One query."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_LIVE_MODEL_SQL, {"user": user_id})
        row = cursor.fetchone()
    return LiveModel() if row is None else _model(row)


def live_model_and_history(user_id: int, limit: int) -> tuple[LiveModel, list[Signal], set[int]]:
    """``live_model``, and ``history`` of the newest ``limit`` signals. One query."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_MODEL_AND_HISTORY_SQL, history_values(user_id, limit))
        rows = cursor.fetchall()
    models = [row for row in rows if row[4] is None and row[1] is None]
    signals, seen = history_of_rows([row for row in rows if row[1] is not None or row[4] is not None], limit)
    return LiveModel() if not models else _model(models[0][5:]), signals, seen


def version_model(version_id: int, user_id: int) -> LiveModel | None:
    """That version with this person's nightly list in it, live or not; None if it cannot rank any more. One query."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_VERSION_MODEL_SQL, {"version": version_id, "user": user_id})
        row = cursor.fetchone()
    return None if row is None else _model(row)


def _model(row: Sequence[Any]) -> LiveModel:
    version_id, trained_at, read_from, movie_ids, scores, ratings = row
    return LiveModel(version_id, movie_ids or [], scores or [], ratings or [], trained_at, read_from)


class MovieVectors(NamedTuple):
    """One movie's title and factors, all float32.

    query: (QUERY_DIMENSIONS,); item: (ITEM_DIMENSIONS,); rating: (RATING_DIMENSIONS,).
    """

    title: str
    query: Vector
    item: Vector
    rating: Vector | None


def factors_by_movie(version_id: int, movie_ids: Collection[int]) -> dict[int, MovieVectors]:
    """The title and factors of the movies that have query and item factors, by movie id. One query."""
    columns = [binary_half_column("query_factors"), binary_half_column("item_factors"), binary_column("rating_factors")]
    rows = MovieEmbedding.objects.filter(
        version_id=version_id,
        movie_id__any_of=movie_ids,
        query_factors__isnull=False,
        item_factors__isnull=False,
    ).values_list("movie_id", "movie__title", *columns)
    return {
        movie_id: MovieVectors(
            title, parse_half_vector(query), parse_half_vector(item), None if rating is None else parse_vector(rating)
        )
        for movie_id, title, query, item, rating in rows
    }


def nearest_movies(
    version_id: int, query: Vector, exclude: Collection[int], limit: int, filters: ListFilters | None = None
) -> list[int]:
    """The ``limit`` published movies whose item factors have the largest inner product with ``query``, best first.

    Filters never reduce the number of results while enough movies pass. One query; see vectors.search.
    """
    return [movie_id for movie_id, _ in nearest_by_factors(version_id, query, limit, exclude, _passing_ids(filters))]


def nearest_to_each(version_id: int, queries: Sequence[Vector], exclude: Collection[int], limit: int) -> list[set[int]]:
    """The ``limit`` published movies nearest to each query vector, unordered. One query."""
    return nearest_to_each_by_factors(version_id, queries, limit, exclude)


def popular_movies(
    limit: int, exclude: Collection[int] = (), genre_id: int | None = None, filters: ListFilters | None = None
) -> tuple[list[int], list[float]]:
    """Ids and raw scores of published popular movies, overall or in one genre, best first. One query."""
    rows = PopularMovie.objects.filter(_listable(filters))
    rows = rows.filter(genre__isnull=True) if genre_id is None else rows.filter(genre_id=genre_id)
    listed = rows.order_by("rank").values_list("movie_id", "score")[: limit + len(exclude)]
    found = [row for row in listed if row[0] not in exclude][:limit]
    return [movie_id for movie_id, _ in found], [score for _, score in found]


def popular_by_genre(slugs: Collection[str], filters: ListFilters) -> dict[str, list[tuple[int, float]]]:
    """Ids and raw scores of each genre's popular movies that pass the filters, best first, by slug. One query."""
    rows = PopularMovie.objects.filter(_listable(filters), genre__slug__in=slugs)
    found: dict[str, list[tuple[int, float]]] = {}
    for slug, movie_id, score in rows.order_by("genre__slug", "rank").values_list("genre__slug", "movie_id", "score"):
        found.setdefault(slug, []).append((movie_id, score))
    return found


def new_since() -> datetime:
    """Movies added after this time are new (EXPLORATION_DAYS)."""
    return timezone.now() - timedelta(days=min(serving_config().exploration_days, _MAX_NEW_DAYS))


def new_movies(version_id: int) -> dict[int, datetime]:
    """When each new movie was added, newest first, at most MAX_NEW_MOVIES. One query.

    New movies are published, were added within EXPLORATION_DAYS, and have only predicted factors in this version.
    Movies added before the first training are the initial catalogue and never new.
    """
    first_training = ModelVersion.objects.filter(started_at__isnull=False).order_by("started_at").values("started_at")
    since = Value(new_since())
    rows = MovieEmbedding.objects.filter(
        version_id=version_id,
        factors_source=MovieEmbedding.Source.PREDICTED,
        item_factors__isnull=False,
        movie__status=Movie.Status.PUBLISHED,
        # PostgreSQL's greatest() ignores nulls.
        movie__created_at__gt=Greatest(since, Subquery(first_training[:1])),
    )
    newest = rows.order_by("-movie__created_at", "-movie_id")[:MAX_NEW_MOVIES]
    return dict(newest.values_list("movie_id", "movie__created_at"))


def catalogue_movies(limit: int, exclude: Collection[int], filters: ListFilters) -> list[int]:
    """Published movies that pass the filters, by their best popularity score, then newest first. One query.

    They fill a list when no better candidates remain.
    """
    best = PopularMovie.objects.filter(movie_id=OuterRef("pk")).order_by("-score").values("score")[:1]
    order = (F("popularity").desc(nulls_last=True), F("year").desc(nulls_last=True), F("pk").desc())
    rows = filters.movies().annotate(popularity=Subquery(best)).order_by(*order).values_list("pk", flat=True)
    return [movie_id for movie_id in rows[: limit + len(exclude)] if movie_id not in exclude][:limit]


def popularity_of(movie_ids: Collection[int]) -> dict[int, float]:
    """The best popularity score, with everyone or in a genre, of each movie that has one, by movie id. One query."""
    rows = PopularMovie.objects.filter(movie_id__any_of=movie_ids).values("movie_id").order_by()
    return dict(rows.annotate(best=Max("score")).values_list("movie_id", "best"))


def nearest_to_mood(
    version_id: int, vector: Vector, exclude: Collection[int], limit: int, filters: ListFilters
) -> list[int]:
    """The movies that pass the filters whose content vectors are nearest to ``vector``, best first. One query."""
    return [movie_id for movie_id, _ in nearest_by_content(version_id, vector, limit, exclude, _passing_ids(filters))]


def content_cosines(version_id: int, vector: Vector, movie_ids: Collection[int]) -> dict[int, float]:
    """Cosine similarity of each movie's content vector to ``vector``, by movie id. One query."""
    rows = MovieEmbedding.objects.filter(version_id=version_id, movie_id__any_of=movie_ids)
    distances = rows.values_list("movie_id", CosineDistance("content", vector))
    return {movie_id: 1.0 - float(distance) for movie_id, distance in distances}


def directors_by_movie(movie_ids: Collection[int]) -> dict[int, list[str]]:
    """The directors of each movie that has any, as group keys for the re-ranking, by movie id. One query."""
    found: dict[int, list[str]] = {}
    rows = Credit.objects.filter(movie_id__any_of=movie_ids, role=Credit.Role.DIRECTOR).order_by()
    for movie_id, person_id in rows.values_list("movie_id", "person_id"):
        found.setdefault(movie_id, []).append(f"director {person_id}")
    return found


def _passing_ids(filters: ListFilters | None) -> QuerySet[Any] | None:
    """The ids of the movies that pass the filters; None if all published movies do."""
    return filters.movie_ids() if filters is not None and filters.narrows else None


def _listable(filters: ListFilters | None) -> Q:
    """A condition on rows with a movie: the movie is published and passes the filters."""
    if filters is None or not filters.narrows:
        return Q(movie__status=Movie.Status.PUBLISHED)
    return Q(movie_id__any_of=ArraySubquery(filters.movies().values("pk")))
