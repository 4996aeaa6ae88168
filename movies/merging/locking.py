"""Locks two movies without waiting while it holds one, so that a merge never deadlocks with events that come in."""

import time
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction

from movies.imports.lock import acquire_import_lock
from movies.models import Movie

_TRIES = 50
_PAUSE_SECONDS = 0.1


class MoviesBusyError(ValidationError):
    """The movies cannot be locked now; trying again later may succeed."""


def movies_lock_to_merge(*, movie_ids: Collection[int]) -> dict[int, Movie]:
    """Locks these movies (FOR UPDATE) until the transaction ends, and returns those that exist, by id.

    Nobody can record an event of them meanwhile. Raises MoviesBusyError if an import runs or they stay busy. Call it
    in a transaction.
    """
    acquire_import_lock(on_wait=_refuse)
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                rows = Movie.objects.select_for_update(nowait=True).defer("search_document").order_by("pk")
                return {movie.pk: movie for movie in rows.filter(pk__in=movie_ids)}
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
                raise
        # The savepoint is rolled back, and with it every lock of this try.
        time.sleep(_PAUSE_SECONDS)
    raise MoviesBusyError("Events of these movies are being recorded without a pause. Try again.")


def _refuse() -> None:
    raise MoviesBusyError("An import, or another merge or deletion, is running. Try again when it has ended.")
