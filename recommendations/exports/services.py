"""Exports everybody's lists of the live version as a table, in the ids of an imported data set or of this database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from django.db.models import QuerySet
from numpy.typing import NDArray

from accounts.models import User
from movies.models import DatasetMovie, Movie
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.standalone.tables import ExportError, OnShare, check_target, list_frame, silent, table_write

# Number of people whose lists are in memory at a time: about 30 MB.
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """Counts of what was written. ``left_out``: people with a list who are not in the data set."""

    source: str
    people: int
    rows: int
    left_out: int = 0


def recommendations_export_live(
    *, path: Path, dataset: str | None = None, internal: bool = False, limit: int = 100, on_share: OnShare = silent
) -> ExportSummary:
    """Write the live version's lists to ``path`` (.csv or .parquet) in the ids of ``dataset``.

    dataset: optional if one data set was imported. internal: use this database's ids instead, which people who
    registered on the site also have. Movies that are not published now, or not in the data set, are left out and the
    rest moves up. Runs two queries over whole tables, streamed. Raises ExportError, OSError.
    """
    check_target(path)
    version = ModelVersion.objects.live().first()
    if version is None:
        raise ExportError("No model is live: train one with manage.py train.")
    name = "" if internal else _dataset(dataset)
    lists = BatchRecommendation.objects.filter(version=version)
    everyone = lists.count()
    people = lists if internal else lists.filter(user__dataset=name)
    count = people.count()
    if not count:
        raise ExportError(f"Version {version.pk} has no lists{f' of people of {name}' if name else ''}.")
    rows = table_write(path, _frames(people, _movie_names(name), internal, limit, on_share))
    return ExportSummary(f"version {version.pk}{f', {name}' if name else ''}", count, rows, everyone - count)


def _dataset(wanted: str | None) -> str:
    known = list(User.objects.exclude(dataset="").values_list("dataset", flat=True).distinct().order_by("dataset"))
    listed = ", ".join(known)
    if wanted is not None:
        if wanted not in known:
            raise ExportError(f"There is no data set {wanted!r} here: {listed or 'none was imported'}.")
        return wanted
    if not known:
        raise ExportError("No data set was imported; with --ids internal the lists are written in this system's ids.")
    if len(known) > 1:
        raise ExportError(f"Several data sets were imported: name one with --dataset ({listed}).")
    return known[0]


def _movie_names(dataset: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of the movies to export, ascending, and the id to write for each; both of shape (movies,)."""
    if not dataset:
        ids = np.array(Movie.objects.filter(status=Movie.Status.PUBLISHED).order_by("pk").values_list("pk"), np.int64)
        return ids.ravel(), ids.ravel()
    rows = DatasetMovie.objects.filter(dataset=dataset, movie__status=Movie.Status.PUBLISHED).order_by("movie_id")
    table = np.array(rows.values_list("movie_id", "dataset_movie_id"), np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def _live_blocks(
    lists: QuerySet[BatchRecommendation], internal: bool
) -> Iterator[tuple[NDArray, NDArray[np.int64], NDArray[np.float32]]]:
    """(ids of people, movie ids, scores), padded with -1, sorted by id; read through one server-side cursor."""
    name = "user_id" if internal else "user__dataset_user_id"
    rows = lists.order_by(name).values_list(name, "movie_ids", "scores").iterator(chunk_size=_CHUNK)
    held: list[tuple[int, list[int], list[float]]] = []
    for row in rows:
        held.append(row)
        if len(held) == _CHUNK:
            yield _padded(held)
            held = []
    if held:
        yield _padded(held)


def _padded(
    rows: list[tuple[int, list[int], list[float]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    width = max(len(movies) for _, movies, _ in rows)
    items = np.full((len(rows), width), -1, np.int64)
    scores = np.zeros((len(rows), width), np.float32)
    for place, (_, movies, values) in enumerate(rows):
        items[place, : len(movies)] = movies
        scores[place, : len(movies)] = values
    return np.array([user for user, _, _ in rows], np.int64), items, scores


def _frames(
    lists: QuerySet[BatchRecommendation],
    movies_as: tuple[NDArray[np.int64], NDArray[np.int64]],
    internal: bool,
    limit: int,
    on_share: OnShare,
) -> Iterator[pl.DataFrame]:
    movie_ids, names = movies_as
    done, count = 0, lists.count()
    for users, movies, scores in _live_blocks(lists, internal):
        places = np.minimum(np.searchsorted(movie_ids, movies), max(len(movie_ids) - 1, 0))
        known = movie_ids[places] == movies if len(movie_ids) else np.zeros(movies.shape, np.bool_)
        yield list_frame(users, np.where(known, places, -1), scores, names, limit)
        done += len(users)
        on_share(done / count)
