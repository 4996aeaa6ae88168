"""Parses the lines of movies, links and tags one by one; the files have tens of thousands of lines."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from movies.movielens.cells import strip_missing, whole_number
from movies.movielens.errors import BadLine, BadLines
from movies.movielens.genres import genre_names
from movies.movielens.rating_lines import FUTURE, MAX_ID, MAX_TIMESTAMP, latest_timestamp
from movies.movielens.titles import parse_title
from movies.text import normalise_line

T = TypeVar("T")

MAX_TITLE = 300
MAX_GENRE = 40
MAX_TAG = 300

# Turns the text of a line into its fields; raises ValueError with a reason.
Split = Callable[[str], list[str]]
NumberedLines = Iterable[tuple[int, bytes]]


@dataclass(frozen=True)
class MovieLine:
    """A movie of a data set; ``id`` is the data set's movie id."""

    id: int
    title: str
    year: int | None
    genres: tuple[str, ...]


@dataclass(frozen=True)
class LinkLine:
    """A movie's ids in other databases; ``imdb_id`` as in tt0114709, or empty."""

    id: int
    imdb_id: str
    tmdb_id: int | None


@dataclass(frozen=True)
class TagLine:
    """A tag that a user gave a movie; ``timestamp`` in seconds since 1970."""

    user: int
    movie: int
    text: str
    timestamp: int


def split_csv(fields: int) -> Split:
    """Splits a CSV line with quotes; no record of an official file spans lines."""

    def split(text: str) -> list[str]:
        try:
            values = next(csv.reader([text], strict=True))
        except csv.Error as error:
            raise ValueError("the quotes do not match") from error
        return _exactly(values, fields)

    return split


def split_dat(text: str) -> list[str]:
    """Splits ``id::title::genres``; the title may contain ``::``."""
    first, _, rest = text.partition("::")
    middle, separator, last = rest.rpartition("::")
    return _exactly([first, middle, last] if separator else [text], 3)


def split_dat_tag(text: str) -> list[str]:
    """Splits ``user::movie::tag::timestamp``; the tag may contain ``::``."""
    parts = text.split("::", 2)
    if len(parts) == 3:
        tag, separator, timestamp = parts[2].rpartition("::")
        if separator:
            return [parts[0], parts[1], tag, timestamp]
    raise ValueError("expected 4 fields")


def split_item(flags: list[str]) -> Split:
    """Splits ML-100k's ``id|title|release|video release|url|`` and a 0 or 1 per genre, in the order of u.genre."""

    def split(text: str) -> list[str]:
        values = _exactly(text.split("|"), 5 + len(flags))
        if not set(values[5:]) <= {"0", "1"}:
            raise ValueError("a genre flag is neither 0 nor 1")
        genres = [name for name, flag in zip(flags, values[5:], strict=True) if flag == "1"]
        return [values[0], values[1], "|".join(genres)]

    return split


def read_movies(file: str, lines: NumberedLines, split: Split, encoding: str, bad: BadLines) -> list[MovieLine]:
    """All movies of a file; malformed lines go to ``bad``."""
    movies: dict[int, MovieLine] = {}

    def parse(text: str) -> None:
        raw_id, raw_title, raw_genres = split(text)
        number = _id(raw_id, "movie id")
        if number in movies:
            raise ValueError("a second movie with the same id")
        title = parse_title(raw_title)
        genres = genre_names(raw_genres)
        if not title.text:
            raise ValueError("the title is empty")
        if len(title.text) > MAX_TITLE:
            raise ValueError(f"the title is longer than {MAX_TITLE} characters")
        if any(len(name) > MAX_GENRE for name in genres):
            raise ValueError(f"a genre is longer than {MAX_GENRE} characters")
        movies[number] = MovieLine(number, title.text, title.year, genres)

    for _ in _parsed(file, lines, encoding, bad, parse):
        pass
    return list(movies.values())


def read_links(file: str, lines: NumberedLines, bad: BadLines, movie_ids: set[int]) -> dict[int, LinkLine]:
    """The links of a file by the data set's movie id; malformed lines go to ``bad``."""
    links: dict[int, LinkLine] = {}
    split = split_csv(3)

    def parse(text: str) -> None:
        raw_id, imdb, tmdb = split(text)
        number = _id(raw_id, "movie id")
        if number not in movie_ids:
            raise ValueError("the movie is unknown")
        if number in links:
            raise ValueError("a second link of the same movie")
        links[number] = LinkLine(
            number, imdb_id(imdb, "the imdbId"), _id(tmdb, "tmdbId") if strip_missing(tmdb) else None
        )

    for _ in _parsed(file, lines, "utf-8", bad, parse):
        pass
    return links


def read_tags(
    file: str, lines: NumberedLines, *, split: Split, encoding: str, bad: BadLines, movie_ids: set[int] | None
) -> Iterator[TagLine]:
    """Yields the tags of a file; malformed lines go to ``bad``. Skips blank tags, which the data sets have."""
    latest = latest_timestamp()

    def parse(text: str) -> TagLine | None:
        raw_user, raw_movie, raw_tag, raw_time = split(text)
        user, movie = _id(raw_user, "user id"), _id(raw_movie, "movie id")
        raw_time = whole_number(raw_time)
        if not (raw_time.isascii() and raw_time.isdigit()):
            raise ValueError("the timestamp is not a number")
        if len(raw_time) > 18 or int(raw_time) >= MAX_TIMESTAMP:
            raise ValueError("the timestamp is out of range")
        if int(raw_time) > latest:
            raise ValueError(FUTURE)
        if movie_ids is not None and movie not in movie_ids:
            raise ValueError("the movie is unknown")
        tag = normalise_line(raw_tag)
        if len(tag) > MAX_TAG:
            raise ValueError(f"the tag is longer than {MAX_TAG} characters")
        return TagLine(user, movie, tag, int(raw_time)) if tag else None

    for tag in _parsed(file, lines, encoding, bad, parse):
        if tag is not None:
            yield tag


def guess_encoding(lines: NumberedLines) -> str:
    """Guesses ``utf-8`` or ``latin-1`` for old archives: ML-10M uses UTF-8, ML-1M and ML-100k use Latin-1.

    Latin-1 text with accents is practically never valid UTF-8, so one such line decides for UTF-8.
    """
    accented = False
    for _, line in lines:
        if line.isascii():
            continue
        accented = True
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8"
    return "latin-1" if accented else "utf-8"


def _parsed(file: str, lines: NumberedLines, encoding: str, bad: BadLines, parse: Callable[[str], T]) -> Iterator[T]:
    """Yields the parsed lines. If ``parse`` raises ValueError, the line goes to ``bad`` with the error's message."""
    for number, raw in lines:
        if not raw:
            continue
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            bad.add(BadLine(file, number, "not valid UTF-8", raw.decode("utf-8", "backslashreplace")))
            continue
        try:
            if "\0" in text:
                raise ValueError("it holds a zero byte")
            parsed = parse(text)
        except ValueError as error:
            bad.add(BadLine(file, number, str(error), text))
            continue
        yield parsed


def imdb_id(word: str, name: str) -> str:
    """``"114709"``, ``"0114709"``, ``"114709.0"`` and ``"tt0114709"`` as tt0114709; empty if missing."""
    word = strip_missing(word)
    digits = whole_number(word.removeprefix("tt"))
    if word and not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise ValueError(f"{name} is not a number")
    return f"tt{digits:0>7}" if word else ""


def _exactly(values: list[str], count: int) -> list[str]:
    if len(values) != count:
        raise ValueError(f"expected {count} fields")
    return values


def _id(word: str, name: str) -> int:
    """Parses a positive 31-bit number, also if it is written as a float; raises ValueError with the ``name``."""
    word = whole_number(word.strip())
    if not (word.isascii() and word.removeprefix("-").isdigit()):
        raise ValueError(f"the {name} is not a number")
    number = int(word) if len(word) <= 18 else MAX_ID + 1
    if not 1 <= number <= MAX_ID:
        raise ValueError(f"the {name} is out of range")
    return number
