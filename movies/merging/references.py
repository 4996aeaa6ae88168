"""Which columns of which tables name a movie, and what a merge and a deletion do with them.

Each app registers its own in ``AppConfig.ready``; this app knows no other. A test compares the registry with the
models, so that no foreign key to a movie is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Part(Protocol):
    """Moves rows that need more than a new movie id; all of it runs in the transaction of the merge."""

    def move(self, *, merge_id: int, duplicate_id: int, target_id: int) -> int:
        """Moves the rows of the duplicate and stores what undoing needs; returns how many."""

    def undo(self, *, merge_id: int, duplicate_id: int, target_id: int) -> int:
        """Moves them back; returns how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovieReference:
    """One foreign key to a movie.

    label: what its rows are, in the plural. moves: whether a merge moves them to the target. unique: the columns that
    are unique together with the movie; a row that the target has already stays with the duplicate, where nothing reads
    it. part: moves the rows instead. why: the reason, for rows that stay. table and column are names of our own, which
    SQL may hold.
    """

    table: str
    label: str
    column: str = "movie_id"
    moves: bool = True
    unique: tuple[str, ...] = ()
    part: Part | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovieArray:
    """One array of movie ids. replaced: a merge replaces the duplicate's id, for good; otherwise it stays, and
    ``why`` says what reads it then."""

    table: str
    column: str
    replaced: bool = False
    why: str = ""


_references: dict[tuple[str, str], MovieReference] = {}
_arrays: dict[tuple[str, str], MovieArray] = {}


def register(*given: MovieReference | MovieArray) -> None:
    """Registers columns. Call this from ``AppConfig.ready``; a second call changes nothing."""
    for reference in given:
        key = reference.table, reference.column
        if isinstance(reference, MovieArray):
            _arrays[key] = reference
        else:
            _references[key] = reference


def references() -> list[MovieReference]:
    """All registered foreign keys, those with a part of their own first: they lock people before their rows."""
    return sorted(_references.values(), key=lambda one: (one.part is None, one.table, one.column))


def arrays() -> list[MovieArray]:
    """All registered arrays of movie ids."""
    return [_arrays[key] for key in sorted(_arrays)]


CATALOGUE_REFERENCES = (
    MovieReference(
        table="movies_datasetmovie",
        label="ids in imported data sets",
        unique=("dataset",),
        why="An import finds the movie by way of the duplicate.",
    ),
    MovieReference(table="movies_moviecertificate", label="certificates", unique=("country",)),
    MovieReference(
        table="movies_movieavailability", label="windows of availability", moves=False, why="The target has its own."
    ),
    MovieReference(
        table="movies_moviechange", label="entries of the history", moves=False, why="They are of its own fields."
    ),
    MovieReference(
        table="movies_movie_genres", label="genres", moves=False, why="The target takes them if it has none."
    ),
    MovieReference(table="movies_credit", label="credits", moves=False, why="The target takes them if it has none."),
    MovieReference(
        table="movies_movie",
        label="movies merged into it",
        column="merged_into_id",
        moves=False,
        why="The merge lets them point to its own target.",
    ),
    MovieReference(
        table="movies_moviemerge", label="merges away", column="duplicate_id", moves=False, why="The history stays."
    ),
    MovieReference(
        table="movies_moviemerge", label="merges into it", column="target_id", moves=False, why="The history stays."
    ),
)
