"""IMDb: ratings and lists as CSV. A film is named by ``Const``; series and episodes are counted and left out."""

from collections.abc import Iterable

from events.taste.formats.cells import imdb_of, moment_of, rating_of, text_of, year_of
from events.taste.formats.rows import TasteFile, TasteRow
from events.taste.formats.tables import Cells, Table

SOURCE = "imdb"
KINDS = ("list", "watchlist", "ratings")
# Old and new spellings differ in blanks and case.
_TV = {"tvseries", "tvminiseries", "tvepisode", "tvseason", "tvpilot"}
_NOT_FILMS = {"videogame", "musicvideo", "podcastseries", "podcastepisode"}


def kind_of(path: str, header: Iterable[str], *, alone: bool) -> str:
    """Which of IMDb's files this is; empty if it is none. Only its name says that a list is the watchlist."""
    names = set(header)
    if "const" not in names or not {"title", "your rating", "title type"} & names:
        return ""
    if "position" not in names:
        return "ratings"
    return "watchlist" if "watchlist" in path.casefold() else "list"


def read(kind: str, table: Table, into: TasteFile) -> None:
    """Adds the rows of one file."""
    for line, cells in table.cells():
        what = "".join(cells.get("title type", "").split()).replace("-", "").casefold()
        if what in _TV:
            into.left_out["tv"] += 1
        elif what in _NOT_FILMS:
            into.left_out["not_film"] += 1
        else:
            row = _row(kind, table.name, line, cells)
            if kind == "list" and not row.problem and not row.says_something:
                into.left_out["listed"] += 1
            else:
                into.add(row)


def _row(kind: str, file: str, line: int, cells: Cells) -> TasteRow:
    rating, problem = rating_of(cells.get("your rating", ""), out_of_ten=True)
    wanted = kind == "watchlist"
    return TasteRow(
        file=file,
        line=line,
        title=text_of(cells.get("title", "")),
        original_title=text_of(cells.get("original title", "")),
        year=year_of(cells.get("year", "")),
        imdb_id=imdb_of(cells.get("const", "")),
        rating=rating,
        rated_at=moment_of(cells.get("date rated", "")) if rating is not None else None,
        watchlisted=wanted,
        watchlisted_at=moment_of(cells.get("created", "")) if wanted else None,
        problem=problem,
    )
