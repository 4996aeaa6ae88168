"""Changes that staff make to the catalogue. Each says when content changed, for the embedding refresh, and that
cached lists may be wrong, for serving; both in the transaction of the change or right after its commit."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.models import Movie


def movies_publish(*, movie_ids: Iterable[int]) -> int:
    """Makes these movies listed and recommended again; the number that were not published before."""
    return _movies_set_status(movie_ids, Movie.Status.PUBLISHED)


def movies_hide(*, movie_ids: Iterable[int]) -> int:
    """Takes these movies out of the catalogue and of every list, from the next request on; the number changed."""
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
    """Says that what these movies' vectors and cards are made of has changed; the number of movies."""
    changed = movies.order_by().update(content_changed_at=timezone.now())
    invalidate_catalogue_on_commit()
    return changed
