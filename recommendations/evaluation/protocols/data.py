"""Reads the data sets of protocols from archives or folders into columns, without a database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from movies.movielens.archive import open_archive
from movies.movielens.errors import ArchiveError, BadLines
from movies.movielens.files import Source, open_source
from movies.movielens.metadata_lines import MetadataLine, open_metadata
from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.interactions import Interactions
from recommendations.evaluation.protocols.base import ProtocolError

# The lowest rating that published protocols count as a like.
LIKE_FROM = 4.0
# Names of a cast that are used, as for the catalogue's content vectors.
MAX_CAST = 10


@dataclass(frozen=True, slots=True)
class Ratings:
    """Columns of ratings, each of shape (n,), in the order of person, time and, for ties, item or place in the file."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Ratings:
        """The rows that a mask or positions select."""
        return Ratings(self.users[rows], self.items[rows], self.ratings[rows], self.timestamps[rows])


@dataclass(frozen=True, slots=True)
class Fold:
    """A published split: (person, item) ids of both parts, each int64 of shape (n, 2)."""

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def read_ratings(path: Path, *, ties_by_file: bool = False) -> tuple[str, Ratings]:
    """The data set's name and all ratings of a MovieLens archive. Raises ArchiveError or BadLineError.

    ties_by_file: a person's ratings of the same second keep the order of the file, not that of the items.
    """
    with open_archive(path) as archive:
        frames = list(archive.ratings())
        name = archive.name
    keys = ("user", "timestamp") if ties_by_file else ("user", "timestamp", "movie")
    frame = pl.concat(frames).sort(*keys, maintain_order=True)
    return name, Ratings(
        frame["user"].to_numpy().astype(np.int64),
        frame["movie"].to_numpy().astype(np.int64),
        frame["rating"].to_numpy().astype(np.float32),
        frame["timestamp"].to_numpy().astype(np.int64),
    )


def read_fold(path: Path) -> Fold:
    """A folder or zip with train.tsv and test.tsv: tab-separated person, item and, ignored here, more columns.

    Raises ArchiveError if it is not one, and ProtocolError for a malformed line or an empty part.
    """
    source = open_source(path)
    try:
        return Fold(path.name, _pairs(source, "train.tsv"), _pairs(source, "test.tsv"))
    finally:
        source.close()


def _pairs(source: Source, file: str) -> NDArray[np.int64]:
    names = [name for name in source.names if PurePosixPath(name).name == file]
    if len(names) != 1:
        found = "no" if not names else f"{len(names)} files named"
        raise ArchiveError(f"{source.path} holds {found} {file}; expected one train.tsv and one test.tsv.")
    pairs: list[tuple[int, int]] = []
    for number, line in source.lines(names[0]):
        if not line:
            continue
        try:
            user, item = line.split(b"\t", 2)[:2]
            pairs.append((int(user), int(item)))
        except ValueError:
            shown = line[:60].decode("latin-1")
            raise ProtocolError(
                f"{file}, line {number}: expected person, tab, item as whole numbers, not {shown!r}."
            ) from None
    if not pairs:
        part = "test" if file == "test.tsv" else "training"
        raise ProtocolError(f"{file} in {source.path} is empty: there is no {part} part.")
    return np.unique(np.array(pairs, np.int64), axis=0)


def read_contents(path: Path, metadata: Path | None = None) -> list[MovieContent]:
    """Read the content of each movie of an archive: title, year and genres, and from ``metadata`` text and people."""
    with open_archive(path) as archive:
        movies = archive.movies(BadLines())
    lines = _metadata_by_id(metadata) if metadata is not None else {}
    contents = []
    for movie in movies:
        line = lines.get(movie.id)
        people = (*line.directors, *line.cast[:MAX_CAST]) if line else ()
        contents.append(
            MovieContent(
                movie.id,
                movie.title,
                movie.year,
                line.overview if line else "",
                movie.genres,
                tuple(dict.fromkeys(people)),
                line.keywords if line else (),
            )
        )
    return contents


def _metadata_by_id(path: Path) -> dict[int, MetadataLine]:
    with open_metadata(path) as file:
        lines = {line.movielens_id: line for line in file.records(BadLines()) if line.movielens_id is not None}
    if not lines:
        raise ProtocolError(f"{path} names no movie by movielens_id.")
    return lines


def as_likes(users: NDArray[np.int64], items: NDArray[np.int64]) -> Interactions:
    """Interactions with weight 1, one for each pair."""
    return Interactions.from_columns(users, items)


def matrix_over(
    pairs: NDArray[np.int64], users: NDArray[np.int64], items: NDArray[np.int64], *, width: int = 0
) -> csr_array:
    """A matrix with 1 for each pair, float32, shape (users, max(items, width)); rows are ``users``, columns ``items``.

    Both id arrays are ascending. Pairs of other people or items are left out.
    """
    rows, row_known = _positions(pairs[:, 0], users)
    columns, column_known = _positions(pairs[:, 1], items)
    known = row_known & column_known
    shape = (len(users), max(len(items), width))
    return csr_array((np.ones(int(known.sum()), np.float32), (rows[known], columns[known])), shape=shape)


def _positions(ids: NDArray[np.int64], known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    at = np.minimum(np.searchsorted(known, ids), max(len(known) - 1, 0))
    return at.astype(np.int64), (known[at] == ids if len(known) else np.zeros(len(ids), np.bool_))
