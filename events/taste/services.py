"""Imports a person's taste in two steps: read and match a file, then record what they confirm."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.privacy.pausing import user_lock_to_record
from events.new_events import Outcome
from events.recording import interactions_record
from events.taste.catalogue import catalogue_for
from events.taste.formats.cells import text_of
from events.taste.formats.detection import taste_file_read
from events.taste.formats.films import Film, films_of, merge
from events.taste.formats.matching import AMBIGUOUS, MATCHED, OUTCOMES, Match, matches_of
from events.taste.formats.rows import TasteFile, TasteFileError, TasteRow
from events.taste.models import TasteImport, TasteImportFilm
from events.taste.opinions import events_for, known_of
from events.taste.selectors import LIFETIME, taste_import_get
from movies.models import Movie

MAX_FILMS = 30_000
# Of one person; a further one replaces the oldest.
MAX_IMPORTS = 5
_BATCH = 2_000
# Fields that a stored film has in common with a row of a file.
_ROW_FIELDS = tuple(
    field.name for field in TasteImportFilm._meta.concrete_fields if field.name in TasteRow.__dataclass_fields__
)


def taste_import_create(*, user: User, file: IO[bytes], name: str) -> TasteImport:
    """Reads a file, matches its films with the catalogue, and stores that for the person to confirm.

    file: seekable. name: the file's own name. Raises ValidationError naming ``file`` if it cannot be read as an export;
    then nothing is stored. Also PersonalisationPausedError, and User.DoesNotExist if the person is deleted meanwhile.
    """
    try:
        read = taste_file_read(file, name)
        films = films_of(read.rows)
        if len(films) > MAX_FILMS:
            raise TasteFileError(f"The file has more than {MAX_FILMS:,} films.")
    except TasteFileError as error:
        raise ValidationError({"file": str(error)}) from error
    matches = matches_of(films, catalogue_for(films))
    with transaction.atomic():
        user_lock_to_record(user_id=user.pk)
        _make_room(user)
        created = TasteImport.objects.create(user=user, source=read.source, summary=_summary(read, matches))
        rows = [_stored(created, position, match) for position, match in enumerate(matches, start=1)]
        TasteImportFilm.objects.bulk_create(rows, batch_size=_BATCH)
    return created


def taste_import_confirm(*, user: User, import_id: uuid.UUID, choices: Mapping[int, int] | None = None) -> TasteImport:
    """Records what the import says, all or nothing. Confirming again records only ambiguous films chosen since.

    choices: the movie's id by the position of an ambiguous film; those without a choice are not recorded. Raises
    ValidationError naming ``choices``, TasteImport.DoesNotExist, PersonalisationPausedError and User.DoesNotExist.
    """
    with transaction.atomic():
        user_lock_to_record(user_id=user.pk)
        confirmed = taste_import_get(user=user, import_id=import_id, lock=True)
        films, choices, before = list(confirmed.films.order_by("position")), choices or {}, confirmed.result
        if confirmed.state == TasteImport.State.CONFIRMED:
            # The films that were recorded are no longer among them.
            left = {film.position for film in films}
            choices = {position: movie_id for position, movie_id in choices.items() if position in left}
            if not choices:
                return confirmed
        chosen = _chosen(films, choices)
        now = timezone.now()
        confirmed.result = _sum_of(before, _record(user, confirmed.source, chosen, now))
        confirmed.state, confirmed.confirmed_at = TasteImport.State.CONFIRMED, now
        confirmed.save(update_fields=["result", "state", "confirmed_at"])
        confirmed.films.filter(pk__in=[film.pk for film, _ in chosen]).delete()
    return confirmed


def taste_import_delete(*, user: User, import_id: uuid.UUID) -> None:
    """Deletes the import; what it recorded stays. Raises TasteImport.DoesNotExist."""
    with transaction.atomic():
        taste_import_get(user=user, import_id=import_id, lock=True).delete()


def taste_imports_flush() -> int:
    """Deletes imports that expired; returns how many."""
    expired = TasteImport.objects.filter(created_at__lt=timezone.now() - LIFETIME)
    return expired.delete()[1].get(TasteImport._meta.label, 0)


def row_of(film: TasteImportFilm) -> TasteRow:
    """What the person said of a stored film."""
    return TasteRow(**{name: getattr(film, name) for name in _ROW_FIELDS})


def _make_room(user: User) -> None:
    """Deletes the person's oldest imports, so that with one more there are MAX_IMPORTS."""
    newest = TasteImport.objects.filter(user=user).order_by("-created_at").values_list("pk", flat=True)
    TasteImport.objects.filter(pk__in=list(newest[MAX_IMPORTS - 1 :])).delete()


def _summary(read: TasteFile, matches: Sequence[Match]) -> dict[str, Any]:
    outcomes = Counter(match.outcome for match in matches)
    rows = sum(match.film.rows for match in matches)
    return {
        "rows": rows,
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "merged_rows": rows - len(matches),
        "replaced_ratings": sum(match.film.replaced for match in matches),
        "left_out": {reason: count for reason, count in read.left_out.items() if count},
    }


def _stored(taste_import: TasteImport, position: int, match: Match) -> TasteImportFilm:
    row = match.film.row
    fields = {name: getattr(row, name) for name in _ROW_FIELDS}
    return TasteImportFilm(
        **fields | {"file": text_of(row.file)[:200]},
        taste_import=taste_import,
        user_id=taste_import.user_id,
        position=position,
        rows=match.film.rows,
        replaced=match.film.replaced,
        outcome=match.outcome,
        reason=match.reason,
        candidates=match.candidates,
    )


def _chosen(films: Sequence[TasteImportFilm], choices: Mapping[int, int]) -> list[tuple[TasteImportFilm, int]]:
    """The films to record, with their movies. Raises ValidationError for a choice that the preview does not offer."""
    open_films = {film.position: film for film in films if film.outcome == AMBIGUOUS}
    for position, movie_id in choices.items():
        if position not in open_films:
            raise ValidationError({"choices": f"Film {position} is not ambiguous."})
        if movie_id not in open_films[position].candidates:
            raise ValidationError({"choices": f"Movie {movie_id} is no candidate for film {position}."})
    return [
        (film, film.candidates[0] if film.outcome == MATCHED else choices[film.position])
        for film in films
        if film.outcome == MATCHED or film.position in choices
    ]


def _record(user: User, source: str, chosen: Iterable[tuple[TasteImportFilm, int]], now: datetime) -> dict[str, Any]:
    """Records the films' events; of several films of one movie the newest opinion. Returns their numbers."""
    merged: dict[int, Film] = {}
    for film, movie_id in chosen:
        if movie_id in merged:
            merge(merged[movie_id], Film(row_of(film)))
        else:
            merged[movie_id] = Film(row_of(film))
    listed = Movie.objects.filter(pk__in=list(merged), status=Movie.Status.PUBLISHED)
    published = set(listed.values_list("pk", flat=True))
    known, unchanged = known_of(user, published), Counter[str]()
    events = [
        event
        for movie_id, film in merged.items()
        if movie_id in published
        for event in events_for(
            film.row, user_id=user.pk, movie_id=movie_id, source=source, known=known, now=now, unchanged=unchanged
        )
    ]
    recorded: Counter[str] = Counter()
    # An event whose id is stored with other content is one whose time was clamped to its receipt.
    for event, result in zip(events, interactions_record(events), strict=True):
        (recorded if result.outcome is Outcome.CREATED else unchanged)[event.kind] += 1
    return {"recorded": dict(recorded), "unchanged": dict(unchanged), "unpublished": len(merged) - len(published)}


def _sum_of(before: Mapping[str, Any] | None, result: dict[str, Any]) -> dict[str, Any]:
    """The numbers of both confirmations."""
    if not before:
        return result
    counts = {name: dict(Counter(before[name]) + Counter(result[name])) for name in ("recorded", "unchanged")}
    return {**counts, "unpublished": before["unpublished"] + result["unpublished"]}


def expires_at(taste_import: TasteImport) -> datetime:
    """When the import is deleted."""
    lifetime: timedelta = LIFETIME
    return taste_import.created_at + lifetime
