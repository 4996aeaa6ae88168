"""Changes to the catalogue by staff.

Each sets ``content_changed_at``, for the embedding refresh, and invalidates cached lists once it has committed.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.models import Movie


def movies_publish(*, movie_ids: Iterable[int]) -> int:
    """Publishes these movies, so that they are listed and recommended; returns how many were not published before."""
    return _movies_set_status(movie_ids, Movie.Status.PUBLISHED)


def movies_hide(*, movie_ids: Iterable[int]) -> int:
    """Hides these movies from the catalogue and every list, from the next request on; returns how many changed."""
    return _movies_set_status(movie_ids, Movie.Status.HIDDEN)


@transaction.atomic
def _movies_set_status(movie_ids: Iterable[int], status: Movie.Status) -> int:
    others = Movie.objects.filter(pk__in=list(movie_ids)).exclude(status=status)
    changed = others.update(status=status, content_changed_at=timezone.now())
    if changed:
        invalidate_catalogue_on_commit()
    return changed


@transaction.atomic
def movies_content_changed(*, movies: QuerySet[Movie]) -> int:
    """Marks the content of these movies, which their vectors and cards are built from, as changed; returns how many."""
    changed = movies.order_by().update(content_changed_at=timezone.now())
    invalidate_catalogue_on_commit()
    return changed
