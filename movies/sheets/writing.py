"""Writes the rows of an imported sheet, in one transaction with their history."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction

from movies.changes.models import MovieChange
from movies.changes.services import changes_record
from movies.changes.snapshots import COLUMNS, movie_snapshots
from movies.models import Genre, Movie, MovieCertificate
from movies.services import movies_content_changed

_BATCH_SIZE = 500


@transaction.atomic
def rows_write(*, planned: Sequence[tuple[Movie, bool]], columns: Collection[str], user_id: int | None) -> None:
    """Stores these movies: each with whether it is new, and with ``sheet_genres`` and ``sheet_certificates``.

    columns: those of the sheet; the others of a stored movie stay. Twenty queries or so for a sheet of any length that
    one import takes. Vectors and caches follow. The movies must be locked.
    """
    new = [movie for movie, is_new in planned if is_new]
    stored = [movie for movie, is_new in planned if not is_new]
    before = movie_snapshots([movie.pk for movie in stored])
    Movie.objects.bulk_create(new, batch_size=_BATCH_SIZE)
    changed = [name for name in COLUMNS if name in columns]
    if changed:
        Movie.objects.bulk_update(stored, changed, batch_size=_BATCH_SIZE)
    movies: list[Any] = [*new, *stored]
    ids = [movie.pk for movie in movies]
    if "genres" in columns:
        pairs = Movie.genres.through
        genres = dict(Genre.objects.values_list("name", "pk"))
        pairs.objects.filter(movie_id__any_of=ids).delete()
        rows = [pairs(movie_id=movie.pk, genre_id=genres[name]) for movie in movies for name in movie.sheet_genres]
        pairs.objects.bulk_create(rows, batch_size=_BATCH_SIZE)
    if "certificates" in columns:
        MovieCertificate.objects.filter(movie_id__any_of=ids).delete()
        MovieCertificate.objects.bulk_create(
            (
                MovieCertificate(movie_id=movie.pk, country=country, certificate=certificate)
                for movie in movies
                for country, certificate in movie.sheet_certificates.items()
            ),
            batch_size=_BATCH_SIZE,
        )
    movies_content_changed(movies=Movie.objects.filter(pk__any_of=ids))
    changes_record(before=before, after=movie_snapshots(ids), user_id=user_id, kind=MovieChange.Kind.IMPORTED)
