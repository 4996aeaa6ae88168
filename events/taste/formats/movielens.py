"""MovieLens: one person's ratings, as the site gives them or in the columns of the data sets."""

from collections.abc import Iterable

from events.taste.formats.cells import imdb_of, moment_of, number_of, rating_of, text_of
from events.taste.formats.rows import TasteFile, TasteFileError, TasteRow
from events.taste.formats.tables import Table
from movies.movielens.titles import parse_title

SOURCE = "movielens"
KINDS = ("wishlist", "ratings")
_DATA_SET = {"userid", "movieid", "rating"}
_SITE = {"movie_id", "imdb_id", "tmdb_id"}


def kind_of(path: str, header: Iterable[str], *, alone: bool) -> str:
    """Which of MovieLens' files this is; empty if it is none."""
    names = set(header)
    if names >= _DATA_SET or names >= _SITE | {"rating"}:
        return "ratings"
    return "wishlist" if names >= _SITE and "wishlist" in path.casefold() else ""


def read(kind: str, table: Table, into: TasteFile) -> None:
    """Adds the rows of one file. Raises TasteFileError if they are several people's."""
    person = ""
    for line, cells in table.cells():
        of = cells.get("userid", "").strip()
        if person and of and of != person:
            raise TasteFileError(f"{table.name} holds the ratings of several people; send one person's.")
        person = person or of
        rating, problem = rating_of(cells.get("rating", ""), out_of_ten=False)
        title = parse_title(text_of(cells.get("title", "")))
        into.add(
            TasteRow(
                file=table.name,
                line=line,
                title=title.text,
                year=title.year,
                imdb_id=imdb_of(cells.get("imdb_id", "")),
                tmdb_id=number_of(cells.get("tmdb_id", "")),
                movielens_id=number_of(cells.get("movieid") or cells.get("movie_id", "")),
                rating=rating,
                rated_at=moment_of(cells.get("timestamp", "")) if rating is not None else None,
                watchlisted=kind == "wishlist",
                problem=problem,
            )
        )
