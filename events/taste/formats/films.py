"""Merges the rows about one film into one: the newest rating counts, and repeated viewings are one."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from events.taste.formats.rows import TasteRow
from movies.movielens.titles import match_key, parse_title
from movies.text import search_key, unaccented

# Rows without a date are older than all that have one.
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Film:
    """A film as a person's files describe it. ``row`` has what they said of it; ``rows``: how many rows it had."""

    row: TasteRow
    rows: int = 1
    # Ratings that a newer one replaced.
    replaced: int = 0


@lru_cache(maxsize=2**15)
def title_key(title: str) -> str:
    """The form in which titles are compared: without alternatives, articles, accents, case and punctuation."""
    return match_key(unaccented(parse_title(title).text))


def films_of(rows: Iterable[TasteRow]) -> list[Film]:
    """The films of the rows, in the order of their first row. A row with a problem stays a film of its own.

    Rows are of one film if they have the same id, of IMDb, TMDB or MovieLens, or, without any, the same title and year.
    """
    films: list[Film] = []
    known: dict[Hashable, Film] = {}
    for row in rows:
        identities = _identities(row)
        film = next((known[identity] for identity in identities if identity in known), None)
        if row.problem or not identities or film is None:
            film = Film(row)
            films.append(film)
        else:
            merge(film, Film(row))
        if not row.problem:
            for identity in identities:
                known.setdefault(identity, film)
    return films


def merge(film: Film, other: Film) -> None:
    """Adds to ``film`` what ``other``, read later, says of the same film."""
    kept, new = film.row, other.row
    film.rows += other.rows
    film.replaced += other.replaced
    changes: dict[str, object] = {}
    if new.rating is not None:
        film.replaced += kept.rating is not None
        if kept.rating is None or (new.rated_at or _NO_TIME) >= (kept.rated_at or _NO_TIME):
            changes |= {"rating": new.rating, "rated_at": new.rated_at}
    for said, when in (("watched", "watched_at"), ("liked", "liked_at"), ("watchlisted", "watchlisted_at")):
        if getattr(new, said):
            times = [moment for moment in (getattr(kept, when), getattr(new, when)) if moment]
            changes |= {said: True, when: max(times, default=None)}
    for name in ("title", "original_title", "year", "imdb_id", "tmdb_id", "movielens_id"):
        if not getattr(kept, name) and getattr(new, name):
            changes[name] = getattr(new, name)
    film.row = replace(kept, **changes)  # type: ignore[arg-type]  # Each value is of its field.


def _identities(row: TasteRow) -> list[Hashable]:
    ids: list[Hashable] = [
        (name, value)
        for name, value in (("imdb", row.imdb_id), ("tmdb", row.tmdb_id), ("movielens", row.movielens_id))
        if value
    ]
    return ids or ([(search_key(row.title), row.year)] if row.title else [])
