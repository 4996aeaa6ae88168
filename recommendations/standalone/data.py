"""Reads the data of ``train --data``, a MovieLens archive or a file of tab-separated feedback, into columns."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl
from numpy.typing import NDArray

from events.kinds import Kind
from movies.movielens.archive import open_archive
from movies.movielens.errors import ArchiveError
from movies.movielens.files import FileSource, Source, open_source
from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.interactions import Interactions
from recommendations.standalone.tabular import read_tabular

# An id that is the same as a number and as text. If all ids are, they are sorted as numbers.
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class StandaloneData:
    """Feedback in columns of shape (n,); users and items are positions in the texts ``user_ids`` and ``item_ids``."""

    name: str
    user_ids: NDArray[np.str_]
    item_ids: NDArray[np.str_]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    kinds: NDArray[np.int8]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    # One per item, in the order of ``item_ids``; items without a text have an empty title.
    contents: list[MovieContent]

    def __len__(self) -> int:
        return len(self.users)

    @property
    def has_texts(self) -> bool:
        """Whether any item has a text."""
        return any(content.title for content in self.contents)

    def interactions(self, config: FeedbackConfig | None = None) -> Interactions:
        """The feedback as weights, as in the nightly training; the newest entry of a repeated pair counts."""
        return feedback_merge(self.users, self.items, self.kinds, self.ratings, self.timestamps, config=config)


def read_standalone_data(path: Path) -> StandaloneData:
    """Read an archive, a tab-separated file, or a folder or zip that holds one such file.

    Raises ImportFailed (ArchiveError, BadLineError) with a message for the user.
    """
    if path.is_file() and not zipfile.is_zipfile(path):
        return _from_tabular(FileSource(path), path.name, path.stem)
    source = open_source(path)
    try:
        names = [name for name in source.names if PurePosixPath(name).suffix.lower() == ".tsv"]
        if not names:
            return _from_archive(path)
        if len(names) > 1:
            listed = ", ".join(sorted(names)[:5])
            raise ArchiveError(f"{path} holds several files of feedback: {listed}. Give the path of one, unpacked.")
        return _from_tabular(source, names[0], PurePosixPath(names[0]).stem)
    finally:
        source.close()


def _from_tabular(source: Source, file: str, name: str) -> StandaloneData:
    rows = read_tabular(source, file)
    user_ids, users = _encode(rows.users)
    item_ids, items = _encode(rows.items)
    # Without ratings, every line is a like.
    kind = Kind.LIKE if rows.ratings is None else Kind.RATING
    n = len(users)
    ratings = np.full(n, np.nan, np.float32) if rows.ratings is None else rows.ratings
    contents = [MovieContent(position, "") for position in range(len(item_ids))]
    return StandaloneData(
        name, user_ids, item_ids, users, items, np.full(n, kind.code, np.int8), ratings, rows.timestamps, contents
    )


def _from_archive(path: Path) -> StandaloneData:
    with open_archive(path) as archive:
        frame = pl.concat(list(archive.ratings()))
        movies = {movie.id: movie for movie in archive.movies()}
        name = archive.name
    user_ids, users = np.unique(frame["user"].to_numpy(), return_inverse=True)
    # The whole catalogue, also unrated movies: they get vectors, too.
    item_ids = np.union1d(frame["movie"].unique().to_numpy(), np.fromiter(movies, np.int64))
    contents = []
    for position, item in enumerate(item_ids.tolist()):
        movie = movies.get(item)
        contents.append(
            MovieContent(position, movie.title, movie.year, genres=movie.genres)
            if movie
            else MovieContent(position, "")
        )
    return StandaloneData(
        name=name,
        user_ids=user_ids.astype(np.str_),
        item_ids=item_ids.astype(np.str_),
        users=users.astype(np.int64),
        items=np.searchsorted(item_ids, frame["movie"].to_numpy()).astype(np.int64),
        kinds=np.full(frame.height, Kind.RATING.code, np.int8),
        ratings=frame["rating"].to_numpy().astype(np.float32),
        timestamps=frame["timestamp"].to_numpy().astype(np.int64),
        contents=contents,
    )


def _encode(ids: pl.Series) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """The distinct ids, sorted as numbers if all are whole numbers, else as text; and the position of each entry."""
    different = ids.unique()
    if different.str.contains(f"^(?:{_WHOLE.pattern})$").all():
        ordered = different.cast(pl.Int64).sort().cast(pl.String)
    else:
        ordered = different.sort()
    places = ids.cast(pl.Enum(ordered)).to_physical().to_numpy().astype(np.int64)
    return ordered.to_numpy().astype(np.str_), places
