"""The columns of a sheet of movies: how a cell is read and written. Errors are ValueErrors in words for staff."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from movies.countries import country_validate
from movies.models import Movie
from movies.movielens.titles import MAX_YEAR, MIN_YEAR
from movies.services import MAX_KEYWORDS
from movies.sheets.formulas import unescaped
from movies.text import normalise_line, normalise_text

# Between the entries of a list, as in MovieLens.
SEPARATOR = "|"
# The columns that say which movie a row is about, the first of them that has a value.
KEYS = ("id", "movielens_id", "imdb_id")
_MAX_INTEGER = 2**31 - 1
_IMDB = re.compile(r"tt\d{5,10}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?")
_url = URLValidator(schemes=["https", "http"])


def read_text(cell: str) -> str:
    """The text of a cell, without the mark that keeps it from being a formula. ValueError for null characters."""
    if "\0" in cell:
        raise ValueError("Null characters are not allowed.")
    return unescaped(cell)


def read_number(cell: str, least: int = 0, most: int = _MAX_INTEGER) -> int | None:
    """A whole number from ``least`` to ``most``; None for an empty cell."""
    text = read_text(cell).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise ValueError(f"{text[:40]} is no whole number from {least} to {most}.")
    return int(text)


def read_title(cell: str) -> str:
    """A title, which must not be empty."""
    title = normalise_line(read_text(cell))
    if not title:
        raise ValueError("A movie has a title.")
    return _at_most(title, 300)


def read_imdb_id(cell: str) -> str:
    """An IMDb id such as tt0114709, or nothing."""
    text = read_text(cell).strip().lower()
    if text and not _IMDB.fullmatch(text):
        raise ValueError(f"{text[:40]} is no IMDb id, such as tt0114709.")
    return text


def read_status(cell: str) -> str | None:
    """A status; None for an empty cell, which changes nothing."""
    text = read_text(cell).strip().lower()
    # A movie becomes a merged one only by merging it.
    settable = [value for value in Movie.Status.values if value != Movie.Status.MERGED]
    if text and text not in settable:
        raise ValueError(f"{text[:40]} is none of {', '.join(settable)}.")
    return text or None


def read_language(cell: str) -> str:
    """A language's code such as en, or nothing."""
    text = read_text(cell).strip()
    if text and not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{text[:40]} is no code of a language, such as en.")
    return text


def read_url(cell: str) -> str:
    """A URL of an image, or nothing."""
    text = _at_most(read_text(cell).strip(), 500)
    if text:
        try:
            _url(text)
        except ValidationError:
            raise ValueError("This is no URL that begins with https:// or http://.") from None
    return text


def read_overview(cell: str) -> str:
    """A text of several lines."""
    return normalise_text(read_text(cell))


def read_keywords(cell: str) -> list[str]:
    """Keywords between bars, each once."""
    keywords = list(dict.fromkeys(_at_most(part, 80) for part in _entries(cell)))
    if len(keywords) > MAX_KEYWORDS:
        raise ValueError(f"A movie has at most {MAX_KEYWORDS} keywords.")
    return keywords


def read_genres(cell: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Names of genres between bars, sorted, as they are stored; ``known`` are the stored names by folded name."""
    names = set()
    for part in _entries(cell):
        name = known.get(part.casefold())
        if name is None:
            near = difflib.get_close_matches(part.casefold()[:80], known, n=1)
            hint = f" Do you mean {known[near[0]]}?" if near else ""
            raise ValueError(f"There is no genre {part[:80]}.{hint}")
        names.add(name)
    return tuple(sorted(names))


def read_certificates(cell: str) -> dict[str, str]:
    """Certificates by country, written ``US:R|DE:16``."""
    found: dict[str, str] = {}
    for part in _entries(cell):
        country, colon, certificate = (piece.strip() for piece in part.partition(":"))
        country = country.upper()
        try:
            country_validate(country)
        except ValidationError as error:
            raise ValueError(error.message) from None
        if not colon or not certificate:
            raise ValueError(f"{part[:80]} is no country and certificate, such as US:R.")
        if country in found:
            raise ValueError(f"There are two certificates of {country}.")
        found[country] = _at_most(certificate, 20)
    return dict(sorted(found.items()))


def _entries(cell: str) -> list[str]:
    parts = (normalise_line(part) for part in read_text(cell).split(SEPARATOR))
    return [part for part in parts if part]


def _at_most(text: str, letters: int) -> str:
    if len(text) > letters:
        raise ValueError(f"At most {letters} letters; this has {len(text)}.")
    return text


def write_plain(value: Any) -> str:
    """A number or a text; nothing for None."""
    return "" if value is None else str(value)


def write_list(value: Any) -> str:
    """Entries between bars."""
    return SEPARATOR.join(value or ())


def write_certificates(value: Any) -> str:
    """``US:R|DE:16``."""
    return SEPARATOR.join(f"{country}:{certificate}" for country, certificate in (value or {}).items())


@dataclass(frozen=True)
class Column:
    """A column: the attribute of the movie that holds its value, and how a cell is read and written."""

    name: str
    read: Callable[..., Any]
    write: Callable[[Any], str] = write_plain
    attribute: str = ""


COLUMNS = (
    Column("id", read_number),
    Column("movielens_id", read_number),
    Column("imdb_id", read_imdb_id),
    Column("tmdb_id", read_number),
    Column("title", read_title),
    Column("year", lambda cell: read_number(cell, MIN_YEAR, MAX_YEAR)),
    Column("status", read_status),
    Column("genres", read_genres, write_list, attribute="sheet_genres"),
    Column("keywords", read_keywords, write_list),
    Column("certificates", read_certificates, write_certificates, attribute="sheet_certificates"),
    Column("runtime_minutes", lambda cell: read_number(cell, 0, 10_000)),
    Column("language", read_language),
    Column("poster_url", read_url),
    Column("overview", read_overview),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
