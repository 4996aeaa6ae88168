"""Trakt: the JSON files of its export, alone or in the zip. Shows and episodes are counted and left out."""

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NoReturn

from events.taste.formats.cells import imdb_of, moment_of, number_of, rating_of, text_of, year_of
from events.taste.formats.rows import TasteFile, TasteFileError, TasteRow

SOURCE = "trakt"
KINDS = ("list", "watchlist", "history", "ratings")
MAX_JSON_BYTES = 8 * 1024 * 1024
_MAX_ENTRIES = 100_000
_NUMBER = re.compile(r"([0-9]{1,9})")
_TV = {"show", "season", "episode"}
_TIMES = {"watched_at": "history", "last_watched_at": "history", "rated_at": "ratings", "listed_at": "watchlist"}


def page_key(path: str) -> list[tuple[int, str]]:
    """Sorts pages by their numbers: page 10 comes after page 9."""
    parts = _NUMBER.split(path.casefold())
    return [(int(part), "") if _NUMBER.fullmatch(part) else (-1, part) for part in parts]


def read(path: str, text: str, into: TasteFile) -> bool:
    """Adds the entries of one file; False if it is none of those that hold films. Raises TasteFileError."""
    name = PurePosixPath(path).name.casefold()
    entries = _parsed(path, text)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        return False
    if len(entries) > _MAX_ENTRIES:
        raise TasteFileError(f"{path} has more than {_MAX_ENTRIES:,} entries.")
    kind = _kind(name, entries)
    if not kind:
        return False
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry.get("movie"), Mapping):
            into.left_out["tv" if str(entry.get("type")) in _TV or _TV & entry.keys() else "not_film"] += 1
        elif kind == "list":
            into.left_out["listed"] += 1
        else:
            into.add(_row(kind, path, number, entry))
    return True


def _kind(name: str, entries: list[Any]) -> str:
    """By the file's name, else by the times that its entries have; ``lists-list-…`` are lists, not the watchlist."""
    if not any(_TV & entry.keys() or "movie" in entry for entry in entries):
        return ""
    if name.startswith("lists-list"):
        return "list"
    for start, kind in (("watched-", "history"), ("ratings-", "ratings"), ("lists-watchlist", "watchlist")):
        if name.startswith(start):
            return kind
    return next((kind for field, kind in _TIMES.items() if field in entries[0]), "")


def _row(kind: str, path: str, number: int, entry: Mapping[str, Any]) -> TasteRow:
    movie = entry["movie"]
    ids = movie.get("ids")
    ids = ids if isinstance(ids, Mapping) else {}
    rating, problem = rating_of(entry.get("rating") if kind == "ratings" else None, out_of_ten=True)
    return TasteRow(
        file=path,
        line=number,
        title=text_of(movie.get("title")),
        year=year_of(movie.get("year")),
        imdb_id=imdb_of(ids.get("imdb")),
        tmdb_id=number_of(ids.get("tmdb")),
        rating=rating,
        rated_at=moment_of(entry.get("rated_at")) if rating is not None else None,
        watched=kind == "history",
        watched_at=moment_of(entry.get("watched_at") or entry.get("last_watched_at")) if kind == "history" else None,
        watchlisted=kind == "watchlist",
        watchlisted_at=moment_of(entry.get("listed_at")) if kind == "watchlist" else None,
        problem=problem,
    )


def _parsed(path: str, text: str) -> Any:
    if len(text) > MAX_JSON_BYTES:
        raise TasteFileError(f"{path} has more than {MAX_JSON_BYTES >> 20} MB.")
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise TasteFileError(f"{path} is not JSON, or it is cut short.") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number.")
