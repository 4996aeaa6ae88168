"""What every reader yields: rows about one film each, and what was left out."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

# Of all files together. The most active people have some ten thousand films, each in three or four files.
MAX_ROWS = 100_000


class TasteFileError(Exception):
    """The file cannot be read as any known export; the message is for the person who sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TasteRow:
    """One row of a file: what a person thought of, or did with, one film.

    rating: 0.5 to 5 in halves. Times are aware and in UTC; None where the file has none. ``problem``: the code of what
    is wrong with the row, which is then reported and not imported.
    """

    file: str
    line: int
    title: str
    year: int | None = None
    original_title: str = ""
    imdb_id: str = ""
    tmdb_id: int | None = None
    movielens_id: int | None = None
    rating: float | None = None
    rated_at: datetime | None = None
    watched: bool = False
    watched_at: datetime | None = None
    liked: bool = False
    liked_at: datetime | None = None
    watchlisted: bool = False
    watchlisted_at: datetime | None = None
    problem: str = ""

    @property
    def says_something(self) -> bool:
        """Whether the row holds more than a film's name."""
        return self.rating is not None or self.watched or self.liked or self.watchlisted


@dataclass(slots=True)
class TasteFile:
    """What was read. ``left_out``: rows that are no films of this person's taste, by reason (``LEFT_OUT``)."""

    source: str
    rows: list[TasteRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, row: TasteRow) -> None:
        """Keeps a row; one that says nothing is counted as such. Raises TasteFileError beyond MAX_ROWS."""
        if len(self.rows) >= MAX_ROWS:
            raise TasteFileError(f"The file has more than {MAX_ROWS:,} rows.")
        if row.problem or row.says_something:
            self.rows.append(row)
        else:
            self.left_out["nothing_said"] += 1


LEFT_OUT = {
    "tv": "series, seasons and episodes",
    "not_film": "games, podcasts and videos that are no films",
    "listed": "films on lists, which say nothing about taste",
    "nothing_said": "films without a rating or a viewing",
}
