"""Deletes movies: hidden at once; with few rows deleted at once, too, else in batches by a scheduled task.

Django's own deletion loads every row that goes with a movie into memory and lists it on the page that asks for
confirmation. Here rows are counted, and deleted by SQL.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import structlog
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.db.advisory_locks import session_lock
from movies.deletion.models import MovieDeletion
from movies.merging.moving import rows_count
from movies.merging.references import MovieReference, references
from movies.models import Movie

logger = structlog.get_logger(__name__)

MAX_AT_ONCE: Final = 2_000
BATCH: Final = 5_000
# How long one run of the task works; the next continues.
RUN_SECONDS: Final = 25.0
# Deleted with the movie itself, in its last transaction.
_LAST = {"movies_movie", "movies_moviemerge"}


def deletion_counts(*, movie_ids: Sequence[int]) -> list[tuple[str, int]]:
    """How many rows of each kind go with the movies, the most first; kinds without rows are left out.

    One count by index for each table and movie.
    """
    counts = [
        (one.label, sum(rows_count(reference=one, movie_id=movie_id) for movie_id in movie_ids)) for one in references()
    ]
    return sorted(((label, count) for label, count in counts if count), key=lambda pair: -pair[1])


@transaction.atomic
def movie_delete(*, movie_id: int, user: Any = None) -> MovieDeletion:
    """Hides the movie and deletes it: at once with MAX_AT_ONCE rows or fewer, else in the background.

    Raises ValidationError if there is no such movie. Deleting one that is being deleted changes nothing.
    """
    movie = Movie.objects.select_for_update(no_key=True).only("title", "year", "status").filter(pk=movie_id).first()
    if movie is None:
        raise ValidationError(f"There is no movie {movie_id}.")
    waiting = MovieDeletion.objects.filter(movie_id=movie_id, finished_at=None).first()
    if waiting is not None:
        return waiting
    rows = sum(count for _, count in deletion_counts(movie_ids=[movie_id]))
    deletion = MovieDeletion.objects.create(movie_id=movie_id, title=str(movie), requested_by=user, rows=rows)
    if movie.status == Movie.Status.PUBLISHED:
        Movie.objects.filter(pk=movie_id).update(status=Movie.Status.HIDDEN)
    invalidate_catalogue_on_commit()
    logger.info("movie_deletion_requested", movie=movie_id, rows=rows)
    if rows <= MAX_AT_ONCE:
        _finish(deletion)
    return deletion


def deletions_run(*, seconds: float = RUN_SECONDS) -> int:
    """Deletes rows of movies whose deletion waits, a batch in each transaction, for this long; returns how many.

    Safe to be killed: the next run continues. One query if nothing waits.
    """
    waiting = list(MovieDeletion.objects.filter(finished_at=None).order_by("pk"))
    if not waiting:
        return 0
    deleted, until = 0, time.monotonic() + seconds
    with session_lock("movie-deletion") as acquired:
        if not acquired:
            return 0
        for deletion in waiting:
            for one in _in_batches():
                while time.monotonic() < until and (count := _delete_batch(deletion, one)):
                    deleted += count
            if time.monotonic() >= until:
                break
            with transaction.atomic():
                _finish(deletion)
    return deleted


def _in_batches() -> list[MovieReference]:
    return [one for one in references() if one.table not in _LAST]


@transaction.atomic
def _delete_batch(deletion: MovieDeletion, reference: MovieReference) -> int:
    table, column = reference.table, reference.column
    # Not every table has an id; a row that is updated meanwhile is in the next batch.
    statement = f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {column} = %s LIMIT %s))
    """  # noqa: S608 -- names of our own.
    with connection.cursor() as cursor:
        cursor.execute(statement, [deletion.movie_id, BATCH])
        count = cursor.rowcount
    if count:
        MovieDeletion.objects.filter(pk=deletion.pk).update(deleted=F("deleted") + count)
    return count


def _finish(deletion: MovieDeletion) -> None:
    """Deletes the movie with what is left; in a transaction. Locked first: nothing comes between the rows and it."""
    movie = Movie.objects.select_for_update().only("pk").filter(pk=deletion.movie_id).first()
    if movie is not None:
        with connection.cursor() as cursor:
            for one in _in_batches():
                cursor.execute(f"DELETE FROM {one.table} WHERE {one.column} = %s", [movie.pk])  # noqa: S608  # nosec B608
        movie.delete()
    deletion.deleted, deletion.finished_at = deletion.rows, timezone.now()
    deletion.save(update_fields=["deleted", "finished_at"])
    invalidate_catalogue_on_commit()
    logger.info("movie_deleted", movie=deletion.movie_id, rows=deletion.rows)
