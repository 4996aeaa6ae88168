"""Undoes the last change of a movie, unless something changed the same fields since."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from movies.availability.models import MovieAvailability
from movies.availability.services import availability_changed
from movies.changes.frozen import movies_frozen
from movies.changes.models import MovieChange
from movies.changes.services import changes_record, movies_lock
from movies.changes.snapshots import COLUMNS, Snapshot, movie_snapshots, same
from movies.changes.wording import field_label, value_in_words
from movies.models import Credit, Genre, Movie, MovieCertificate, Person
from movies.services import movies_content_changed


def change_to_undo(*, movie_id: int) -> MovieChange | None:
    """The newest change of the movie that is neither undone nor an undo itself; None if there is none. One query."""
    changes = MovieChange.objects.filter(movie=movie_id, undone_by=None).exclude(kind=MovieChange.Kind.UNDONE)
    return changes.select_related("user").order_by("-pk").first()


@transaction.atomic
def change_undo(*, movie_id: int, change_id: int | None = None, user_id: int | None) -> MovieChange:
    """Gives the fields of the movie's last change the values from before it; returns the change that does so.

    change_id: the change that the user saw as the last one. Raises Movie.DoesNotExist, and ValidationError, in words
    for staff, if the movie is merged or being deleted, there is nothing to undo, a newer change came in between, a
    field has another value by now, or a genre or a person of before no longer exists. Then nothing changes.
    """
    if not movies_lock([movie_id]):
        raise Movie.DoesNotExist
    if frozen := movies_frozen([movie_id]):
        raise ValidationError(frozen[movie_id])
    change = change_to_undo(movie_id=movie_id)
    if change is None:
        raise ValidationError("There is no change to undo.")
    if change_id is not None and change.pk != change_id:
        raise ValidationError("There is a newer change, or this one is undone already. Look at the history again.")
    if change.kind == MovieChange.Kind.ADDED or not change.before:
        raise ValidationError("The last change added the movie: hide or delete it instead.")
    now = movie_snapshots([movie_id])[movie_id]
    _check_unchanged(change, now)
    _restore(Movie.objects.get(pk=movie_id), change.before)
    movies_content_changed(movies=Movie.objects.filter(pk=movie_id))
    after = movie_snapshots([movie_id])
    kind = MovieChange.Kind.UNDONE
    (undo,) = changes_record(before={movie_id: now}, after=after, user_id=user_id, kind=kind)
    undo.undoes = change
    undo.save(update_fields=["undoes"])
    return undo


def _check_unchanged(change: MovieChange, now: Snapshot) -> None:
    """Raises ValidationError, which names each field that has another value than the change gave it."""
    errors = [
        f"{field_label(name).capitalize()} has been changed since: it is {value_in_words(name, now[name])}, and the"
        f" change made it {value_in_words(name, value)}."
        for name, value in change.after.items()
        if not same(name, now[name], value)
    ]
    if errors:
        raise ValidationError(errors)


def _restore(movie: Movie, values: Snapshot) -> None:
    """Stores these values. Raises ValidationError if one of them is no longer possible."""
    columns = [name for name in COLUMNS if name in values]
    for name in columns:
        setattr(movie, name, values[name])
    movie.full_clean(exclude=[field.name for field in Movie._meta.fields if field.name not in columns])
    if columns:
        movie.save(update_fields=columns)
    if "genres" in values:
        rows = values["genres"]
        _check_present(Genre, rows)
        movie.genres.set([row[0] for row in rows])
    if "credits" in values:
        rows = values["credits"]
        _check_present(Person, rows)
        Credit.objects.filter(movie=movie).delete()
        Credit.objects.bulk_create(
            Credit(movie=movie, person_id=person_id, role=role, position=position)
            for person_id, _, role, position in rows
        )
    if "certificates" in values:
        MovieCertificate.objects.filter(movie=movie).delete()
        MovieCertificate.objects.bulk_create(
            MovieCertificate(movie=movie, country=country, certificate=certificate)
            for country, certificate in values["certificates"].items()
        )
    if "availability" in values:
        MovieAvailability.objects.filter(movie=movie).delete()
        MovieAvailability.objects.bulk_create(
            MovieAvailability(movie=movie, region=region, available_from=first, available_to=last)
            for region, first, last in values["availability"]
        )
        availability_changed()


def _check_present(model: Any, rows: list[Any]) -> None:
    """Raises ValidationError, which names each row that was deleted since: rows are ``[id, name, …]``."""
    present = set(model.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", flat=True))
    missing = [row[1] for row in rows if row[0] not in present]
    if missing:
        raise ValidationError(
            [f"{name} was deleted since: there is no such {model._meta.verbose_name}." for name in missing]
        )
