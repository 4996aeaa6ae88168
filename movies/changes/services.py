"""Records what staff change of movies."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from django.db import transaction

from movies.changes.models import MovieChange
from movies.changes.snapshots import FIELDS, Snapshot, differing, movie_snapshots
from movies.models import Movie

_BATCH_SIZE = 500


def movies_lock(movie_ids: Iterable[int]) -> list[int]:
    """Locks these movies until the transaction ends, in the order of their ids; returns those that exist. One query."""
    locked = Movie.objects.select_for_update(no_key=True).filter(pk__any_of=list(movie_ids)).order_by("pk")
    return list(locked.values_list("pk", flat=True))


@contextmanager
def changes_recorded(
    *, movie_ids: Iterable[int], user_id: int | None, kind: str, fields: Collection[str] = FIELDS
) -> Iterator[list[int]]:
    """Records what its body changes of these fields of the movies, in one transaction with it; yields their ids.

    The movies are locked first, so that each value before is the one that was replaced.
    """
    with transaction.atomic():
        ids = movies_lock(movie_ids)
        before = movie_snapshots(ids, fields)
        yield ids
        changes_record(before=before, after=movie_snapshots(ids, fields), user_id=user_id, kind=kind)


def changes_record(
    *, before: Mapping[int, Snapshot], after: Mapping[int, Snapshot], user_id: int | None, kind: str
) -> list[MovieChange]:
    """Stores how each movie of ``after`` differs from ``before``, where it is empty for a new one; one query.

    Returns the stored changes. A movie without a difference has none.
    """
    changes = []
    for movie_id, new in after.items():
        old = before.get(movie_id, {})
        names = differing(old, new)
        if names:
            change = MovieChange(
                movie_id=movie_id, user_id=user_id, kind=kind, after={name: new[name] for name in names}
            )
            change.before = {name: old[name] for name in names if name in old}
            changes.append(change)
    return MovieChange.objects.bulk_create(changes, batch_size=_BATCH_SIZE)
