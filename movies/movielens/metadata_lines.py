"""Parses metadata files: a CSV with a header and one movie per record. ``cells`` parses the cells."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from movies.movielens.catalogue_lines import MAX_GENRE, MAX_TITLE, imdb_id
from movies.movielens.cells import cell_names, strip_missing
from movies.movielens.errors import ArchiveError, BadLine, BadLines
from movies.movielens.files import FileSource, OnRead, Source, ZipSource
from movies.movielens.genres import genre_names
from movies.movielens.rating_lines import MAX_ID
from movies.movielens.titles import MAX_YEAR, MIN_YEAR
from movies.text import normalise_line, normalise_text

MAX_OVERVIEW = 20_000
MAX_NAME = 200
MAX_KEYWORD = 80
MAX_POSTER_URL = 500
MAX_RUNTIME = 2_000
MAX_CREDITS = 1_000

# Column names and their fields of ``MetadataLine``.
_FIELDS = {
    "movielens_id": "movielens_id",
    "tmdb_id": "tmdb_id",
    "title": "title",
    "year": "year",
    "overview": "overview",
    "cast": "cast",
    "directors": "directors",
    "director": "directors",
    "keywords": "keywords",
    "genres": "genres",
    "runtime": "runtime",
    "runtime_minutes": "runtime",
    "language": "language",
    "poster_url": "poster_url",
    "imdb_id": "imdb_id",
}
# Column names of MovieLens and TMDB, used only if no column above gives the field.
_ALIASES = {
    "movieid": "movielens_id",
    "tmdbid": "tmdb_id",
    "imdbid": "imdb_id",
    "original_language": "language",
    "release_date": "released",
}
# A column "id" is the TMDB id only beside one of these columns.
_TMDB_COLUMNS = {"imdb_id", "original_title", "poster_path"}
_DATE = re.compile(r"([0-9]{4})(?:[-/][0-9]{1,2}[-/][0-9]{1,2}(?:[T ].*)?)?|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4})")
_NUMBER = re.compile(r"([0-9]{1,10})(?:\.0+)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?")


@dataclass(frozen=True)
class MetadataLine:
    """A record about one movie. Missing values are empty or None; ``line`` is the line where the record ends."""

    line: int
    movielens_id: int | None = None
    tmdb_id: int | None = None
    imdb_id: str = ""
    title: str = ""
    year: int | None = None
    overview: str = ""
    cast: tuple[str, ...] = ()
    directors: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    runtime: int | None = None
    language: str = ""
    poster_url: str = ""


class MetadataFile:
    """An open metadata file. ``ignored`` lists the columns that are not imported."""

    def __init__(self, source: Source, name: str, on_read: OnRead | None = None) -> None:
        self.name = name.rpartition("/")[2]
        self.size = source.size(name)
        # Invalid UTF-8 is detected per record, by the surrogates that surrogateescape produces.
        lines = source.lines(name, on_read)
        self._reader = csv.reader((f"{line.decode('utf-8', 'surrogateescape')}\n" for _, line in lines), strict=True)
        try:
            header = next(self._reader, [])
        except csv.Error as error:
            raise ArchiveError(f"{self.name}, line 1: the header cannot be read: {error}") from error
        columns = [word.strip().lower() for word in header]
        names = _field_names(columns)
        self._check(columns, [names[word] for word in columns if word in names])
        self.ignored = [word.encode("utf-8", "replace").decode() for word in columns if word not in names]
        self._width = len(columns)
        self._places = {place: names[word] for place, word in enumerate(columns) if word in names}

    def _check(self, columns: list[str], fields: list[str]) -> None:
        if not columns:
            raise ArchiveError(f"{self.name} is empty.")
        twice = sorted({field for field in fields if fields.count(field) > 1})
        if twice:
            raise ArchiveError(f"{self.name}, line 1: the header names {', '.join(twice)} twice.")
        has = set(fields)
        if not {"movielens_id", "tmdb_id", "imdb_id"} & has and not ("title" in has and {"year", "released"} & has):
            raise ArchiveError(
                f"{self.name}, line 1: the header names no movielens_id, no tmdb_id, no imdb_id, and not both title and"
                " year, so that no film can be found by it."
            )

    def records(self, bad: BadLines) -> Iterator[MetadataLine]:
        """Yields the records; malformed ones go to ``bad``, with the line they end at."""
        while True:
            try:
                values = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                bad.add(BadLine(self.name, self._reader.line_num, "not readable as CSV", str(error)))
                continue
            if not values:
                continue
            try:
                yield self._parse(values)
            except ValueError as error:
                text = ",".join(values).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                bad.add(BadLine(self.name, self._reader.line_num, str(error), text))

    def _parse(self, values: list[str]) -> MetadataLine:
        if len(values) != self._width:
            raise ValueError(f"expected {self._width} fields")
        words = {field: values[place].strip() for place, field in self._places.items()}
        for field, word in words.items():
            _text(word, field, len(word))

        def get(field: str) -> str:
            return words.get(field, "")

        line = MetadataLine(
            line=self._reader.line_num,
            movielens_id=_number(get("movielens_id"), "movielens_id", 1, MAX_ID),
            tmdb_id=_number(get("tmdb_id"), "tmdb_id", 1, MAX_ID),
            imdb_id=imdb_id(get("imdb_id"), "imdb_id"),
            title=_text(normalise_line(get("title")), "title", MAX_TITLE),
            year=_number(get("year"), "year", MIN_YEAR, MAX_YEAR) or _year_of(get("released")),
            overview=_text(normalise_text(strip_missing(get("overview"))), "overview", MAX_OVERVIEW),
            cast=_names(get("cast"), "cast", "a name in cast", MAX_NAME),
            directors=_names(get("directors"), "directors", "a name in directors", MAX_NAME),
            keywords=_names(get("keywords"), "keywords", "a keyword", MAX_KEYWORD),
            genres=_names(get("genres"), "genres", "a genre", MAX_GENRE, genre_names),
            # Some sources write 0 for an unknown runtime.
            runtime=_number(get("runtime"), "runtime", 0, MAX_RUNTIME) or None,
            language=_language(get("language")),
            poster_url=_url(get("poster_url")),
        )
        if line.movielens_id is None and line.tmdb_id is None and not line.imdb_id and not (line.title and line.year):
            raise ValueError("no movielens_id, no tmdb_id, no imdb_id, and not both title and year")
        return line


@contextmanager
def open_metadata(path: Path, on_read: OnRead | None = None) -> Iterator[MetadataFile]:
    """Opens a metadata CSV, or a zip with a single CSV or one named movies.csv.

    Raises ``ArchiveError`` if there is no file at ``path``, if it is damaged, or if its header cannot identify movies.
    """
    if not path.is_file():
        raise ArchiveError(f"There is no file at {path}.")
    try:
        with path.open("rb") as stream:
            zipped = stream.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error
    source: Source = ZipSource(path) if zipped or path.suffix.lower() == ".zip" else FileSource(path)
    try:
        tables = [name for name in source.names if name.lower().endswith(".csv")] if zipped else source.names
        chosen = [name for name in tables if name.rpartition("/")[2] == "movies.csv"] if len(tables) > 1 else tables
        if len(chosen) != 1:
            raise ArchiveError(f"{path} holds {len(tables)} CSV files; expected one, or one named movies.csv.")
        yield MetadataFile(source, chosen[0], on_read)
    finally:
        source.close()


def _field_names(columns: list[str]) -> dict[str, str]:
    """The fields of the known columns, by column name."""
    names = {word: _FIELDS[word] for word in columns if word in _FIELDS}
    aliases = _ALIASES | ({"id": "tmdb_id"} if _TMDB_COLUMNS & set(columns) else {})
    return names | {
        word: aliases[word]
        for word in columns
        if word not in names and word in aliases and aliases[word] not in names.values()
    }


def _number(word: str, name: str, low: int, high: int) -> int | None:
    word = strip_missing(word)
    if not word:
        return None
    found = _NUMBER.fullmatch(word)
    if not found:
        raise ValueError(f"{name} is not a whole number")
    number = int(found[1])
    if not low <= number <= high:
        raise ValueError(f"{name} is not within {low} to {high}")
    return number


def _year_of(word: str) -> int | None:
    word = strip_missing(word)
    if not word:
        return None
    found = _DATE.fullmatch(word)
    if not found:
        raise ValueError("release_date is not a date")
    year = int(found[1] or found[2])
    if not MIN_YEAR <= year <= MAX_YEAR:
        raise ValueError(f"release_date is not within {MIN_YEAR} to {MAX_YEAR}")
    return year


def _text(word: str, name: str, limit: int) -> str:
    if len(word) > limit:
        raise ValueError(f"{name} is longer than {limit} characters")
    # A list in a cell can hold escapes that PostgreSQL cannot store: "\\u0000", "\\ud800".
    if "\0" in word:
        raise ValueError("it holds a zero byte")
    if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
        raise ValueError("not valid UTF-8")
    return word


def _names(
    word: str, field: str, name: str, limit: int, read: Callable[[str], tuple[str, ...]] = cell_names
) -> tuple[str, ...]:
    """Parses a list of names, in their order and without duplicates. Raises ValueError naming the ``field``."""
    try:
        names = read(word)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    if len(names) > MAX_CREDITS:
        raise ValueError(f"{name} is one of more than {MAX_CREDITS}")
    return tuple(_text(part, name, limit) for part in names)


def _language(word: str) -> str:
    word = strip_missing(word)
    if word and not _LANGUAGE.fullmatch(word):
        raise ValueError("language is no ISO 639 code")
    return word.lower()


def _url(word: str) -> str:
    word = strip_missing(word)
    if not word:
        return ""
    scheme = _url_scheme(word)
    if scheme not in ("http", "https"):
        raise ValueError("poster_url is no http or https address")
    return _text(word, "poster_url", MAX_POSTER_URL)


def _url_scheme(word: str) -> str:
    """The scheme of a URL; empty if the URL has no host or contains whitespace."""
    try:
        scheme = urlsplit(word)
        return scheme.scheme if scheme.hostname and not any(map(str.isspace, word)) else ""
    except ValueError:
        return ""
