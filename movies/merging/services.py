"""Merges a duplicate into a movie, and undoes that. One transaction each, in SQL over whole sets of rows.

A small merge runs at once, a large one in the background (``merges_run_waiting``, called by a scheduled task).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.merging.filling import filling_apply, filling_plan, filling_undo
from movies.merging.locking import MoviesBusyError, movies_lock_to_merge
from movies.merging.models import MergedRows, MovieMerge
from movies.merging.moving import array_replace, rows_count, rows_move, rows_move_back
from movies.merging.progress import progress_forget, progress_note
from movies.merging.references import MovieReference, arrays, references
from movies.models import Movie, MovieDeletion
from recsys_project.staff_admin.reasons import reason_check

logger = structlog.get_logger(__name__)

# A merge of more rows runs in the background: a request would take longer than a person waits.
MAX_IN_REQUEST: Final = 20_000
IN_FORCE = (MovieMerge.State.DONE, MovieMerge.State.UNDO_REQUESTED)
_WAITING = (MovieMerge.State.REQUESTED, MovieMerge.State.UNDO_REQUESTED)
# The duplicates that came to a movie by merges in force, at any distance.
_DESCENDANTS = """
    WITH RECURSIVE below AS (
        SELECT duplicate_id FROM movies_moviemerge WHERE target_id = %s AND state IN ('done', 'undoing')
        UNION
        SELECT merge.duplicate_id FROM movies_moviemerge merge JOIN below ON merge.target_id = below.duplicate_id
        WHERE merge.state IN ('done', 'undoing')
    )
    SELECT duplicate_id FROM below
"""


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge will do. counts: (what, rows of the duplicate, rows of the target); filled: see filling_plan."""

    duplicate: Movie
    target: Movie
    counts: list[tuple[str, int, int]]
    filled: dict[str, Any]
    warnings: list[str]

    @property
    def rows(self) -> int:
        """How many rows move."""
        return sum(count for _, count, _ in self.counts)

    @property
    def in_background(self) -> bool:
        return self.rows > MAX_IN_REQUEST


def merge_plan(*, duplicate_id: int, target_id: int) -> MergePlan:
    """What merging would do. Two counts for each table with rows that move. Raises ValidationError if it cannot be."""
    found = Movie.objects.defer("search_document").in_bulk([duplicate_id, target_id])
    duplicate, target = _checked(found, duplicate_id, target_id)
    counts = [
        (one.label, rows_count(reference=one, movie_id=duplicate_id), rows_count(reference=one, movie_id=target_id))
        for one in _moving()
    ]
    return MergePlan(duplicate, target, counts, filling_plan(duplicate, target), _warnings(duplicate, target))


def merge_request(*, duplicate_id: int, target_id: int, reason: str, user: Any = None) -> MovieMerge:
    """Merges the duplicate into the target, at once or, with many rows, in the background.

    Raises ValidationError if one of them is missing or merged already, if it is the same movie, if another merge of the
    duplicate waits, if an import runs, or for an invalid reason (naming ``reason``).
    """
    text = reason_check(reason)
    plan = merge_plan(duplicate_id=duplicate_id, target_id=target_id)
    try:
        with transaction.atomic():
            merge = MovieMerge.objects.create(
                duplicate=plan.duplicate, target=plan.target, reason=text, requested_by=user
            )
            if not plan.in_background:
                _merge(merge)
    except IntegrityError as error:
        if "merge_duplicate_once" not in str(error):
            raise
        raise ValidationError(f"Another merge of movie {duplicate_id} is under way.") from error
    return merge


def merge_undo_request(*, merge_id: int, user: Any = None) -> MovieMerge:
    """Puts back what the merge moved, at once or, with many rows, in the background; what came later stays.

    Raises ValidationError naming what contradicts, and MovieMerge.DoesNotExist.
    """
    with transaction.atomic():
        merge = MovieMerge.objects.select_for_update().get(pk=merge_id)
        _undo_check(merge)
        merge.undone_by = user
        if sum(merge.moved.values()) > MAX_IN_REQUEST:
            merge.state = MovieMerge.State.UNDO_REQUESTED
            merge.save(update_fields=["state", "undone_by"])
        else:
            _undo(merge)
    return merge


def merges_run_waiting() -> int:
    """Runs what waits, one transaction each; returns how many. One query if nothing waits.

    A merge that cannot be done is failed with the reason; an undo that cannot be done leaves the merge in force. While
    an import runs, all wait.
    """
    done = 0
    for merge_id in list(MovieMerge.objects.filter(state__in=_WAITING).order_by("pk").values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                merge = MovieMerge.objects.select_for_update(skip_locked=True).filter(pk=merge_id).first()
                if merge is None or merge.state not in _WAITING:
                    continue
                (_merge if merge.state == MovieMerge.State.REQUESTED else _undo)(merge)
        except MoviesBusyError:
            continue
        except ValidationError as error:
            _fail(merge_id, " ".join(error.messages))
        done += 1
    return done


def _merge(merge: MovieMerge) -> None:
    """In a transaction; the merge's row is new or locked."""
    duplicate_id, target_id = merge.duplicate_id, merge.target_id
    duplicate, target = _checked(movies_lock_to_merge(movie_ids=[duplicate_id, target_id]), duplicate_id, target_id)
    merge.duplicate_status = duplicate.status
    Movie.objects.filter(pk=duplicate_id).update(status=Movie.Status.MERGED, merged_into=target)
    Movie.objects.filter(merged_into=duplicate_id).update(merged_into=target)
    merge.filled = filling_apply(duplicate, target)
    moving = _moving()
    for place, one in enumerate(moving, start=1):
        progress_note(merge_id=merge.pk, words=f"{one.label} ({place} of {len(moving)})")
        ids = {"merge_id": merge.pk, "duplicate_id": duplicate_id, "target_id": target_id}
        merge.moved[one.table] = one.part.move(**ids) if one.part else rows_move(reference=one, **ids)
    for array in arrays():
        if array.replaced:
            array_replace(table=array.table, column=array.column, duplicate_id=duplicate_id, target_id=target_id)
    merge.state, merge.merged_at = MovieMerge.State.DONE, timezone.now()
    _finish(merge, "movies_merged")


def _undo(merge: MovieMerge) -> None:
    """In a transaction; the merge's row is locked."""
    duplicate_id, target_id = merge.duplicate_id, merge.target_id
    found = movies_lock_to_merge(movie_ids=[duplicate_id, target_id])
    _undo_check(merge)
    duplicate, target = found[duplicate_id], found[target_id]
    merge.state, merge.undone_at = MovieMerge.State.UNDONE, timezone.now()
    merge.save(update_fields=["state"])
    Movie.objects.filter(pk=duplicate_id).update(status=merge.duplicate_status, merged_into=None)
    with connection.cursor() as cursor:
        cursor.execute(_DESCENDANTS, [duplicate_id])
        Movie.objects.filter(pk__in=[pk for (pk,) in cursor.fetchall()]).update(merged_into=duplicate_id)
    filling_undo(duplicate, target, merge.filled)
    moving = _moving()
    try:
        for place, one in enumerate(moving, start=1):
            progress_note(merge_id=merge.pk, words=f"{one.label} ({place} of {len(moving)})")
            ids = {"merge_id": merge.pk, "duplicate_id": duplicate_id, "target_id": target_id}
            _ = one.part.undo(**ids) if one.part else rows_move_back(reference=one, **ids)
    except IntegrityError as error:
        raise ValidationError(
            f"The {one.label} of the duplicate have changed since, so they cannot go back."
        ) from error
    MergedRows.objects.filter(merge=merge).delete()
    _finish(merge, "movies_merge_undone")


def _finish(merge: MovieMerge, event: str) -> None:
    merge.error = ""
    merge.save()
    movies = Movie.objects.filter(pk__in=[merge.duplicate_id, merge.target_id])
    movies.update(content_changed_at=timezone.now())
    invalidate_catalogue_on_commit()
    progress_forget(merge_id=merge.pk)
    logger.info(event, merge=merge.pk, duplicate=merge.duplicate_id, target=merge.target_id, rows=merge.moved)


def _fail(merge_id: int, error: str) -> None:
    with transaction.atomic():
        merge = MovieMerge.objects.select_for_update().filter(pk=merge_id, state__in=_WAITING).first()
        if merge is None:
            return
        undoing = merge.state == MovieMerge.State.UNDO_REQUESTED
        merge.state = MovieMerge.State.DONE if undoing else MovieMerge.State.FAILED
        merge.error = f"Not undone: {error}" if undoing else error
        merge.save(update_fields=["state", "error"])
    progress_forget(merge_id=merge_id)


def _checked(found: dict[int, Movie], duplicate_id: int, target_id: int) -> tuple[Movie, Movie]:
    """The two movies. Raises ValidationError if they cannot be merged."""
    if duplicate_id == target_id:
        raise ValidationError("A movie cannot be merged into itself.")
    for movie_id in (duplicate_id, target_id):
        if movie_id not in found:
            raise ValidationError(f"There is no movie {movie_id}.")
        if (into := found[movie_id].merged_into_id) is not None:
            raise ValidationError(f"Movie {movie_id} is merged into movie {into} already.")
    _deletion_check(duplicate_id, target_id)
    return found[duplicate_id], found[target_id]


def _deletion_check(*movie_ids: int) -> None:
    """Raises ValidationError if one of the movies is being deleted: part of its rows may be gone."""
    going = MovieDeletion.objects.filter(movie_id__in=movie_ids, finished_at=None).first()
    if going is not None:
        raise ValidationError(f"Movie {going.movie_id} is being deleted.")


def _undo_check(merge: MovieMerge) -> None:
    """Raises ValidationError naming what contradicts undoing. Four queries at most."""
    if merge.state not in IN_FORCE:
        raise ValidationError(f"This merge is {merge.get_state_display().lower()}, so there is nothing to undo.")
    _deletion_check(merge.duplicate_id, merge.target_id)
    above = MovieMerge.objects.filter(duplicate=merge.target_id, state__in=IN_FORCE).first()
    if above is not None:
        raise ValidationError(
            f"Movie {merge.target_id} was merged into movie {above.target_id} since. Undo merge {above.pk} first."
        )
    later = MovieMerge.objects.filter(target=merge.target_id, state__in=IN_FORCE, merged_at__gt=merge.merged_at)
    if (newest := later.order_by("-merged_at").first()) is not None:
        raise ValidationError(
            f"Movie {newest.duplicate_id} was merged into movie {merge.target_id} later. Undo merge {newest.pk} first."
        )


def _warnings(duplicate: Movie, target: Movie) -> list[str]:
    """What staff should see before they merge."""
    found = []
    if target.status != Movie.Status.PUBLISHED and duplicate.status == Movie.Status.PUBLISHED:
        found.append("The movie that remains is not published, so nobody will see either.")
    for name, label in (("imdb_id", "IMDb id"), ("tmdb_id", "TMDB id"), ("movielens_id", "MovieLens id")):
        mine, other = getattr(target, name), getattr(duplicate, name)
        if mine and other and mine != other:
            found.append(f"Both have an {label}: {mine} remains, and {other} leads to it.")
    if target.year and duplicate.year and abs(target.year - duplicate.year) > 1:
        found.append(f"The years differ: {duplicate.year} and {target.year}.")
    return found


def _moving() -> list[MovieReference]:
    return [one for one in references() if one.moves]
