"""Matches films with the movies of the catalogue: by ids first, then by title and year, then by a year beside it.

Nothing is guessed: several movies that fit, a title without a year and a movie with another id are questions to the
person. Two films that match one movie become one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from events.taste.formats.cells import NO_TITLE
from events.taste.formats.films import Film, merge, title_key
from events.taste.formats.rows import TasteRow
from movies.text import search_key

MAX_CANDIDATES = 10
MATCHED, AMBIGUOUS, UNMATCHED = "matched", "ambiguous", "unmatched"
NEAR_YEAR = "title_near_year"
OUTCOMES = (MATCHED, AMBIGUOUS, UNMATCHED)
# Why a film has its outcome, for people.
REASONS = {
    "imdb_id": "the same IMDb id",
    "tmdb_id": "the same TMDB id",
    "movielens_id": "the same MovieLens id",
    "title_year": "the same title and year",
    NEAR_YEAR: "the same title, a year apart",
    "several_movies": "several movies fit",
    "no_year": "the file has no year",
    "taken": "another film of the file fits this movie",
    "other_id": "the movie of this title has another id",
    "not_in_catalogue": "no movie of the catalogue fits",
    "other_year": "the movie of this title is of another year",
    "no_title": "the row names no film",
    "rating_not_valid": "the rating is not on the site's scale",
}


class CatalogueMovie(NamedTuple):
    """A published movie as the matcher compares it."""

    pk: int
    title: str
    year: int | None
    imdb_id: str
    tmdb_id: int | None
    movielens_id: int | None


@dataclass(slots=True)
class Catalogue:
    """The movies that may fit: those with an id of the films, and those with a title of theirs.

    ``titled``: by ``title_key`` of the title; ``also_titled``: by that of an alternative title.
    """

    imdb: dict[str, list[CatalogueMovie]] = field(default_factory=lambda: defaultdict(list))
    tmdb: dict[int, list[CatalogueMovie]] = field(default_factory=lambda: defaultdict(list))
    movielens: dict[int, list[CatalogueMovie]] = field(default_factory=lambda: defaultdict(list))
    titled: dict[str, list[CatalogueMovie]] = field(default_factory=lambda: defaultdict(list))
    also_titled: dict[str, list[CatalogueMovie]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class Match:
    """A film and the movies that it may be; ``candidates`` are ids, one for a matched film."""

    film: Film
    outcome: str
    reason: str
    candidates: list[int] = field(default_factory=list)


def title_keys(row: TasteRow) -> list[str]:
    """The keys of a row's titles, of which the original one is the second."""
    return list(dict.fromkeys(title_key(title) for title in (row.title, row.original_title) if title))


def matches_of(films: Iterable[Film], catalogue: Catalogue) -> list[Match]:
    """A match for each film, in their order, except that films which are the same movie become one.

    A film whose year is beside the movie's is not taken for it if another film is that movie: it becomes a question.
    """
    matches: list[Match] = []
    by_movie: dict[int, Match] = {}
    near: dict[int, list[Match]] = defaultdict(list)
    for film in films:
        found = match_one(film, catalogue)
        if found.reason == NEAR_YEAR and found.outcome == MATCHED:
            near[found.candidates[0]].append(found)
        elif found.outcome == MATCHED:
            first = by_movie.setdefault(found.candidates[0], found)
            if first is not found:
                merge(first.film, film)
                continue
        matches.append(found)
    for movie_id, claims in near.items():
        if movie_id in by_movie or len(claims) > 1:
            for claim in claims:
                claim.outcome, claim.reason = AMBIGUOUS, "taken"
    return matches


def match_one(film: Film, catalogue: Catalogue) -> Match:
    """The movie that a film is, the movies that it may be, or why there is none."""
    row = film.row
    if row.problem:
        return Match(film, UNMATCHED, row.problem)
    by_ids = (
        ("imdb_id", catalogue.imdb.get(row.imdb_id)),
        ("tmdb_id", catalogue.tmdb.get(row.tmdb_id or 0)),
        ("movielens_id", catalogue.movielens.get(row.movielens_id or 0)),
    )
    for reason, movies in by_ids:
        if movies:
            return _decided(film, _narrowed(row, movies), reason)
    keys = title_keys(row)
    if not keys:
        has_id = row.imdb_id or row.tmdb_id or row.movielens_id
        return Match(film, UNMATCHED, "not_in_catalogue" if has_id else NO_TITLE)
    for titles in (catalogue.titled, catalogue.also_titled):
        titled = list({movie.pk: movie for key in keys for movie in titles.get(key, ())}.values())
        if titled and (found := _by_year(film, titled)).outcome != UNMATCHED:
            return found
    seen = any(key in titles for key in keys for titles in (catalogue.titled, catalogue.also_titled))
    return Match(film, UNMATCHED, "other_year" if seen else "not_in_catalogue")


def _by_year(film: Film, titled: Sequence[CatalogueMovie]) -> Match:
    """Of movies with the film's title, those of its year, else those of a year beside it."""
    row = film.row
    if row.year is None:
        return Match(film, AMBIGUOUS, "no_year", _ids(titled))
    exact = [movie for movie in titled if movie.year == row.year]
    near = [movie for movie in titled if movie.year is not None and abs(movie.year - row.year) == 1]
    movies, reason = (exact, "title_year") if exact else (near, NEAR_YEAR)
    if not movies:
        return Match(film, UNMATCHED, "other_year")
    found = _decided(film, _narrowed(row, movies), reason)
    movie = next(movie for movie in movies if movie.pk == found.candidates[0])
    if found.outcome == MATCHED and _has_other_id(row, movie):
        return Match(film, AMBIGUOUS, "other_id", found.candidates)
    return found


def _narrowed(row: TasteRow, movies: Sequence[CatalogueMovie]) -> Sequence[CatalogueMovie]:
    """Of several movies, those whose title is the same to the letter, and of them those of the year."""
    for fits in (lambda movie: search_key(movie.title) == search_key(row.title), lambda movie: movie.year == row.year):
        if len(movies) > 1:
            movies = [movie for movie in movies if fits(movie)] or movies
    return movies


def _has_other_id(row: TasteRow, movie: CatalogueMovie) -> bool:
    """Whether both have an id in one database, and the ids differ."""
    pairs = ((row.imdb_id, movie.imdb_id), (row.tmdb_id, movie.tmdb_id), (row.movielens_id, movie.movielens_id))
    return any(ours and theirs and ours != theirs for ours, theirs in pairs)


def _decided(film: Film, movies: Sequence[CatalogueMovie], reason: str) -> Match:
    if len(movies) == 1:
        return Match(film, MATCHED, reason, [movies[0].pk])
    return Match(film, AMBIGUOUS, "several_movies", _ids(movies))


def _ids(movies: Sequence[CatalogueMovie]) -> list[int]:
    return [movie.pk for movie in movies[:MAX_CANDIDATES]]
