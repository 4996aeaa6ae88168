"""Reads imports of a taste: the preview, and the films that were not matched."""

import csv
import io
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from events.taste.formats.matching import MATCHED, REASONS
from events.taste.models import TasteImport, TasteImportFilm
from movies.selectors import Card, cards_listed

LIFETIME = timedelta(hours=24)
UNMATCHED_COLUMNS = (
    "file",
    "line",
    "title",
    "year",
    "imdb_id",
    "tmdb_id",
    "movielens_id",
    "rating",
    "outcome",
    "reason",
)
# Spreadsheets run a text that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def taste_import_get(*, user: User, import_id: uuid.UUID, lock: bool = False) -> TasteImport:
    """The person's import. Raises TasteImport.DoesNotExist also for one of somebody else and one that has expired."""
    imports = TasteImport.objects.select_for_update() if lock else TasteImport.objects
    return imports.get(pk=import_id, user=user, created_at__gte=timezone.now() - LIFETIME)


def taste_import_films(*, taste_import: TasteImport) -> QuerySet[TasteImportFilm]:
    """The films of an import, in the file's order."""
    return TasteImportFilm.objects.filter(taste_import=taste_import).order_by("position")


def candidate_cards(films: Iterable[TasteImportFilm]) -> dict[int, Card]:
    """The card of each movie that a film may be, by id; none for those that are not published. One query."""
    ids = list(dict.fromkeys(movie_id for film in films for movie_id in film.candidates))
    return {card["id"]: card for card in cards_listed(ids, ())}


def taste_import_unmatched_csv(*, taste_import: TasteImport) -> Iterator[str]:
    """Yields lines of CSV: the films that were not matched, or are not decided, with the reason."""
    yield _line(UNMATCHED_COLUMNS)
    films = taste_import_films(taste_import=taste_import).exclude(outcome=MATCHED)
    for film in films.iterator(chunk_size=2_000):
        cells = [getattr(film, name) for name in UNMATCHED_COLUMNS[:-1]]
        yield _line([*map(_cell, cells), REASONS[film.reason]])


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
