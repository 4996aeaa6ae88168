"""Letterboxd: the export's zip and its files, and the form in which it imports.

The files name films by title and year only. ``Letterboxd URI`` of a diary entry names the entry, so nothing is joined
on it. ``watched.csv``, ``watchlist.csv`` and ``likes/films.csv`` have the same header: only their names differ.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

from events.taste.formats.cells import imdb_of as imdb
from events.taste.formats.cells import moment_of, number_of, rating_of, text_of, year_of
from events.taste.formats.rows import TasteFile, TasteFileError, TasteRow
from events.taste.formats.tables import Cells, Table

SOURCE = "letterboxd"
# In this order a film's rows are read, and of two ratings at one time the one read later counts: ratings.csv has the
# rating that the person gives the film now.
KINDS = ("list", "likes", "watchlist", "watched", "reviews", "diary", "import", "ratings")
_FILM = {"name", "year", "letterboxd uri"}
_LIST = ({"position", "name", "year", "url"}, {"date", "name", "tags", "url", "description"})
_IMPORT = {"title", "watcheddate"}, {"title", "rating10"}, {"title", "tmdbid", "rewatch"}


def kind_of(path: str, header: Iterable[str], *, alone: bool) -> str:
    """Which of the export's files this is; empty if it is none of Letterboxd's, or one that is ignored.

    Raises TasteFileError for a file sent ``alone`` whose header fits several and whose name does not decide.
    """
    names, parts = set(header), PurePosixPath(path.casefold())
    folders = set(parts.parts[:-1])
    if "deleted" in folders:
        return ""
    if any(wanted <= names for wanted in _LIST) or (names >= _FILM and "lists" in folders):
        return "list"
    if names >= _FILM:
        return _film_kind(parts.stem, names, folders, alone=alone)
    return "import" if any(wanted <= names for wanted in _IMPORT) else ""


def read(kind: str, table: Table, into: TasteFile) -> None:
    """Adds the rows of one file."""
    for line, cells in table.cells():
        if kind == "list":
            # Between the two headers there is one row about the list itself.
            into.left_out["listed"] += 1 if cells.get("position") else 0
            continue
        name = text_of(cells.get("title") if kind == "import" else cells.get("name"))
        into.add(_row(kind, table.name, line, name, cells))


def _film_kind(stem: str, names: set[str], folders: set[str], *, alone: bool) -> str:
    if "watched date" in names:
        return "reviews" if "review" in names else "diary"
    if "rating" in names:
        return "ratings"
    if "likes" in folders or stem.startswith(("films", "likes")):
        return "likes"
    for kind in ("watchlist", "watched"):
        if stem.startswith(kind) or kind in stem:
            return kind
    if alone:
        raise TasteFileError("Keep the file's name: watched.csv and watchlist.csv look the same inside.")
    return ""


def _row(kind: str, file: str, line: int, name: str, cells: Cells) -> TasteRow:
    date = moment_of(cells.get("date", ""))
    viewed = moment_of(cells.get("watched date", "")) or moment_of(cells.get("watcheddate", "")) or date
    ten = cells.get("rating10", "")
    rating, problem = rating_of(ten or cells.get("rating", ""), out_of_ten=bool(ten.strip()))
    seen = kind in ("watched", "reviews", "diary", "import")
    return TasteRow(
        file=file,
        line=line,
        title=name,
        year=year_of(cells.get("year", "")),
        imdb_id=imdb(cells.get("imdbid", "")),
        tmdb_id=number_of(cells.get("tmdbid", "")),
        rating=rating,
        rated_at=viewed if rating is not None else None,
        watched=seen,
        watched_at=viewed if seen else None,
        liked=kind == "likes",
        liked_at=date if kind == "likes" else None,
        watchlisted=kind == "watchlist",
        watchlisted_at=date if kind == "watchlist" else None,
        problem=problem,
    )
