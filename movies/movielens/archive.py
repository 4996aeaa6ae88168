"""Reads MovieLens archives in all official layouts, without a database."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

import polars as pl

from movies.movielens.catalogue_lines import (
    LinkLine,
    MovieLine,
    Split,
    TagLine,
    guess_encoding,
    read_links,
    read_movies,
    read_tags,
    split_csv,
    split_dat,
    split_dat_tag,
    split_item,
)
from movies.movielens.errors import ArchiveError, BadLine, BadLines
from movies.movielens.files import OnRead, Source, open_source
from movies.movielens.rating_lines import RatingChecker, parse_block

_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
GENRE_FLAGS = 19


@dataclass(frozen=True)
class Layout:
    """File names and formats of a family of archives. ``canonical``: movie ids are MovieLens ids."""

    name: str
    movies: str
    ratings: str
    tags: str | None
    links: str | None
    separator: bytes
    canonical: bool
    headers: bool = False


LAYOUTS = (
    Layout("csv", "movies.csv", "ratings.csv", "tags.csv", "links.csv", b",", canonical=True, headers=True),
    Layout("dat", "movies.dat", "ratings.dat", "tags.dat", None, b"::", canonical=True),
    # ML-100k has movie ids of its own.
    Layout("u", "u.item", "u.data", None, None, b"\t", canonical=False),
)

_HEADERS = {
    "movies.csv": "movieId,title,genres",
    "ratings.csv": "userId,movieId,rating,timestamp",
    "tags.csv": "userId,movieId,tag,timestamp",
    "links.csv": "movieId,imdbId,tmdbId",
}


class Archive:
    """A MovieLens archive. Each call reads the files again. Malformed lines go to ``bad``, or raise without it."""

    def __init__(self, source: Source, layout: Layout, folder: str) -> None:
        self.layout = layout
        self._source = source
        self._folder = folder
        # The data set is named after its folder, or after the zip if the files are at its root.
        path = source.path.resolve()
        self.name = PurePosixPath(folder).name or (path.name if path.is_dir() else path.stem)

    @property
    def canonical(self) -> bool:
        """Whether movie ids are MovieLens ids, which all newer data sets share."""
        return self.layout.canonical

    @property
    def ratings_size(self) -> int:
        """The uncompressed size of the ratings file in bytes."""
        return self._source.size(self._path(self.layout.ratings))

    @property
    def tags_size(self) -> int:
        """The uncompressed size of the tags file in bytes; 0 without one."""
        return self._source.size(self._path(self.layout.tags)) if self._has(self.layout.tags) else 0

    def movies(self, bad: BadLines | None = None) -> list[MovieLine]:
        """All movies, in the file's order."""
        file = self.layout.movies
        encoding = "utf-8" if self.layout.headers else guess_encoding(self._source.lines(self._path(file)))
        split: Split = split_csv(3) if self.layout.headers else split_dat
        if self.layout.name == "u":
            split = split_item(self._genre_flags())
        bad = bad or BadLines()
        movies = read_movies(file, self._lines(file), split, encoding, bad)
        bad.check_share(file, len(movies))
        if not movies:
            raise ArchiveError(f"{file} in {self._source.path} holds no movies.")
        return movies

    def ratings(
        self, bad: BadLines | None = None, movie_ids: Iterable[int] | None = None, on_read: OnRead | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yields frames of user, movie (Int64), rating (Float64) and timestamp (Int64, seconds since 1970, UTC).

        A few hundred thousand rows each, in the file's order. With ``movie_ids``, ratings of other movies are malformed
        lines. So is a user's second rating of a movie. ``on_read`` is called with the number of bytes read so far.
        """
        file = self.layout.ratings
        bad = bad or BadLines()
        checker = RatingChecker(file=file, bad=bad, movie_ids=movie_ids)
        empty, read = True, 0
        for first, block in self._blocks(file, on_read):
            empty = False
            frame, lines, malformed = parse_block(block, first, self.layout.separator)
            good = checker.check(frame, lines, malformed, block, first)
            if good.height:
                read += good.height
                yield good
        bad.check_share(file, read)
        if empty:
            raise ArchiveError(f"{file} in {self._source.path} holds no ratings.")

    def tags(
        self, bad: BadLines | None = None, movie_ids: set[int] | None = None, on_read: OnRead | None = None
    ) -> Iterator[TagLine]:
        """Yields the tags; none if the data set has no tags file."""
        file = self.layout.tags
        if file is None or not self._has(file):
            return
        split = split_csv(4) if self.layout.headers else split_dat_tag
        encoding = "utf-8" if self.layout.headers else guess_encoding(self._source.lines(self._path(file)))
        bad, read = bad or BadLines(), 0
        for tag in read_tags(
            file, self._lines(file, on_read), split=split, encoding=encoding, bad=bad, movie_ids=movie_ids
        ):
            read += 1
            yield tag
        bad.check_share(file, read)

    def links(self, bad: BadLines | None = None, movie_ids: set[int] | None = None) -> dict[int, LinkLine]:
        """Ids at IMDb and TMDB by movie id; empty if the data set has no links file."""
        file = self.layout.links
        if file is None or not self._has(file):
            return {}
        known = movie_ids if movie_ids is not None else {movie.id for movie in self.movies(BadLines(skip=True))}
        bad = bad or BadLines()
        links = read_links(file, self._lines(file), bad, known)
        bad.check_share(file, len(links))
        return links

    def _path(self, file: str | None) -> str:
        return f"{self._folder}/{file}" if self._folder else str(file)

    def _has(self, file: str | None) -> bool:
        return self._path(file) in self._source.names

    def _lines(self, file: str, on_read: OnRead | None = None) -> Iterator[tuple[int, bytes]]:
        lines = self._source.lines(self._path(file), on_read)
        if self.layout.headers:
            self._check_header(file, next(lines, (1, b""))[1])
        return lines

    def _blocks(self, file: str, on_read: OnRead | None) -> Iterator[tuple[int, bytes]]:
        blocks = self._source.blocks(self._path(file), on_read)
        if self.layout.headers:
            first, block = next(blocks, (1, b""))
            header, _, rest = block.partition(b"\n")
            self._check_header(file, header.removesuffix(b"\r"))
            blocks = chain([(first + 1, rest)], blocks)
        for first, block in blocks:
            if not block.isspace() and block:
                yield first, block

    def _check_header(self, file: str, header: bytes) -> None:
        if header.decode("utf-8", "backslashreplace").replace('"', "") != _HEADERS[file]:
            shown = header[:120].decode("utf-8", "backslashreplace")
            raise ArchiveError(
                f"{file}, line 1: the header is {shown!r}, expected {_HEADERS[file]!r}."
                if header
                else f"{file} in {self._source.path} is empty."
            )

    def _genre_flags(self) -> list[str]:
        """The genre names of the flags in u.item, in their order."""
        if not self._has("u.genre"):
            raise ArchiveError(f"{self._source.path} has u.item but no u.genre, which names its genre flags.")
        flags: dict[int, str] = {}
        for number, raw in self._source.lines(self._path("u.genre")):
            if not raw:
                continue
            text = raw.decode("latin-1")
            name, separator, place = text.rpartition("|")
            if not separator or not (place.isascii() and place.isdigit() and len(place) < 4) or int(place) in flags:
                # All movies depend on this line, so it cannot be skipped.
                raise ArchiveError(str(BadLine("u.genre", number, "expected name|number, each number once", text)))
            flags[int(place)] = name
        if sorted(flags) != list(range(GENRE_FLAGS)):
            raise ArchiveError(f"u.genre in {self._source.path} must number {GENRE_FLAGS} genres from 0.")
        return [flags[place] for place in range(GENRE_FLAGS)]


def dataset_name(name: str) -> str:
    """Returns ``name`` if it is a valid data set name, else raises ``ArchiveError``."""
    if not _DATASET.fullmatch(name):
        raise ArchiveError(
            f"{name!r} cannot name a data set: up to 32 letters, digits, dots, hyphens and underscores."
            " Give another name with --dataset."
        )
    return name


@contextmanager
def open_archive(path: Path | str) -> Iterator[Archive]:
    """Opens a MovieLens folder or zip, and closes it at the end of the block.

    Raises ``ArchiveError`` if ``path`` does not exist or is damaged, has no official layout, or holds more than one
    data set.
    """
    source = open_source(Path(path))
    try:
        yield _find_archive(source)
    finally:
        source.close()


def _find_archive(source: Source) -> Archive:
    names = set(source.names)
    found: list[Archive] = []
    incomplete: list[str] = []
    for folder in sorted({str(PurePosixPath(name).parent) for name in names}):
        prefix = "" if folder == "." else f"{folder}/"
        for layout in LAYOUTS:
            present = [f"{prefix}{file}" in names for file in (layout.movies, layout.ratings)]
            if all(present):
                found.append(Archive(source, layout, prefix.removesuffix("/")))
                break
            if any(present):
                missing = layout.ratings if present[0] else layout.movies
                incomplete.append(f"{prefix}{missing} is missing")
    if not found:
        layouts = ", ".join(f"{layout.movies} and {layout.ratings}" for layout in LAYOUTS)
        detail = f": {incomplete[0]}" if incomplete else ""
        raise ArchiveError(f"{source.path} is no MovieLens archive{detail}. Expected {layouts}.")
    # Files in the folder itself take precedence over files in subfolders.
    found.sort(key=lambda archive: len(PurePosixPath(archive._folder).parts))
    if len(found) > 1 and found[0]._folder:
        folders = ", ".join(archive.name for archive in found)
        raise ArchiveError(f"{source.path} holds several data sets: {folders}. Give the path of one.")
    return found[0]
