"""Movary: history and ratings as CSV, with the ids of TMDB and IMDb. A repeated viewing is a repeated row."""

from collections.abc import Iterable

from events.taste.formats.cells import imdb_of, moment_of, number_of, rating_of, text_of, year_of
from events.taste.formats.rows import TasteFile, TasteRow
from events.taste.formats.tables import Table

SOURCE = "movary"
KINDS = ("watchlist", "history", "ratings")
_FILM = {"title", "year", "tmdbid", "imdbid"}
_OWN = {"watchlist": "addedat", "history": "watchedat", "ratings": "userrating"}


def kind_of(path: str, header: Iterable[str], *, alone: bool) -> str:
    """Which of Movary's files this is; empty if it is none."""
    names = set(header)
    return next((kind for kind, own in _OWN.items() if _FILM | {own} <= names), "")


def read(kind: str, table: Table, into: TasteFile) -> None:
    """Adds the rows of one file. Ratings have no dates."""
    for line, cells in table.cells():
        rating, problem = rating_of(cells.get("userrating", ""), out_of_ten=True)
        into.add(
            TasteRow(
                file=table.name,
                line=line,
                title=text_of(cells.get("title", "")),
                year=year_of(cells.get("year", "")),
                imdb_id=imdb_of(cells.get("imdbid", "")),
                tmdb_id=number_of(cells.get("tmdbid", "")),
                rating=rating,
                watched=kind == "history",
                watched_at=moment_of(cells.get("watchedat", "")),
                watchlisted=kind == "watchlist",
                watchlisted_at=moment_of(cells.get("addedat", "")),
                problem=problem,
            )
        )
