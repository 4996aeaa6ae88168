"""Brings a data set's movies into the catalogue: makes those it lacks and leaves the rest as staff have them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.utils.text import slugify

from movies.fields import NameKey
from movies.models import DatasetMovie, Genre, Movie
from movies.movielens.catalogue_lines import LinkLine, MovieLine
from movies.movielens.titles import match_key
from movies.names import best_spelled, name_keys

BATCH = 2000

Links = dict[int, LinkLine]


@dataclass
class CatalogueResult:
    """``ids``: database id of each movie by the data set's own id; ``filled``: how many known movies got an id."""

    ids: dict[int, int] = field(default_factory=dict)
    new: int = 0
    known: int = 0
    filled: int = 0


def catalogue_load(*, dataset: str, movies: Sequence[MovieLine], links: Links, canonical: bool) -> CatalogueResult:
    """Makes the movies the catalogue lacks and fills in ids that known ones lack; call it inside a transaction.

    Titles, years, genres and states of movies already there are not touched: they are the staff's. ``canonical`` says
    that the data set's ids are MovieLens ids; otherwise movies are known again by title and year.
    """
    stored = dict(DatasetMovie.objects.filter(dataset=dataset).values_list("dataset_movie_id", "movie_id"))
    ids = {movie.id: stored[movie.id] for movie in movies if movie.id in stored}
    taken = set(stored.values())
    rest = [movie for movie in movies if movie.id not in stored]
    pairs = Movie.objects.exclude(movielens_id=None).values_list("movielens_id", "pk") if rest else ()
    movielens_ids = {number: pk for number, pk in pairs if number is not None}
    if canonical:
        matched = {m.id: movielens_ids[m.id] for m in rest if movielens_ids.get(m.id) not in taken | {None}}
        ids |= matched
        taken |= set(matched.values())
    rest = [movie for movie in rest if movie.id not in ids]
    if rest:
        # A movie with another MovieLens id is another movie, whatever its title.
        ids |= _match_titles(rest, closed=taken | set(movielens_ids.values()) if canonical else taken)
    known = len(ids)
    filled = _fill_ids(ids, links, canonical) if ids else 0
    made = _movies_create([movie for movie in rest if movie.id not in ids], links, set(movielens_ids), canonical)
    ids |= made
    DatasetMovie.objects.bulk_create(
        [
            DatasetMovie(dataset=dataset, dataset_movie_id=number, movie_id=pk)
            for number, pk in ids.items()
            if number not in stored
        ],
        BATCH,
    )
    return CatalogueResult(ids, new=len(made), known=known, filled=filled)


def _match_titles(movies: Iterable[MovieLine], *, closed: set[int]) -> dict[int, int]:
    """Database ids of movies found by title and year: the same title first, then one alike (``match_key``).

    ``closed`` holds database ids that are none of these; each id is given once.
    """
    same: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    alike: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for pk, title, year in Movie.objects.order_by("pk").values_list("pk", "title", "year"):
        if pk not in closed:
            same[title.casefold(), year].append(pk)
            alike[match_key(title), year].append(pk)
    found: dict[int, int] = {}
    given: set[int] = set()
    remaining: list[MovieLine] = []
    for movie in movies:
        free = [pk for pk in same.get((movie.title.casefold(), movie.year), ()) if pk not in given]
        if free:
            found[movie.id] = free[0]
            given.add(free[0])
        elif movie.year is not None:
            remaining.append(movie)
    for movie in remaining:
        free = [pk for pk in alike.get((match_key(movie.title), movie.year), ()) if pk not in given]
        if len(free) == 1:
            found[movie.id] = free[0]
            given.add(free[0])
    return found


def _fill_ids(ids: dict[int, int], links: Links, canonical: bool) -> int:
    """Gives known movies the ids they lack; returns how many movies got one. What they have stays."""
    numbers = list(ids)
    blank = LinkLine(0, "", None)
    given = [links.get(number, blank) for number in numbers]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE movies_movie AS movie SET
                movielens_id = coalesce(movie.movielens_id, given.movielens_id),
                imdb_id = CASE WHEN movie.imdb_id = '' THEN given.imdb_id ELSE movie.imdb_id END,
                tmdb_id = coalesce(movie.tmdb_id, given.tmdb_id)
            FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::int[]) AS given (id, movielens_id, imdb_id, tmdb_id)
            WHERE movie.id = given.id AND (
                (movie.movielens_id IS NULL AND given.movielens_id IS NOT NULL
                    AND NOT EXISTS (SELECT FROM movies_movie other WHERE other.movielens_id = given.movielens_id))
                OR (movie.imdb_id = '' AND given.imdb_id <> '')
                OR (movie.tmdb_id IS NULL AND given.tmdb_id IS NOT NULL)
            )
            """,
            [
                list(ids.values()),
                [number if canonical else None for number in numbers],
                [link.imdb_id for link in given],
                [link.tmdb_id for link in given],
            ],
        )
        return cursor.rowcount


def _movies_create(movies: list[MovieLine], links: Links, used_ids: set[int], canonical: bool) -> dict[int, int]:
    """Makes movies with their genres; database ids by the data set's ids."""
    blank = LinkLine(0, "", None)
    made = Movie.objects.bulk_create(
        [
            Movie(
                title=movie.title,
                year=movie.year,
                movielens_id=movie.id if canonical and movie.id not in used_ids else None,
                imdb_id=links.get(movie.id, blank).imdb_id,
                tmdb_id=links.get(movie.id, blank).tmdb_id,
            )
            for movie in movies
        ],
        BATCH,
    )
    genres = genres_ensure(names={name for movie in movies for name in movie.genres})
    pairs = Movie.genres.through
    pairs.objects.bulk_create(
        [
            pairs(movie_id=row.pk, genre_id=genre_id)
            for movie, row in zip(movies, made, strict=True)
            for genre_id in dict.fromkeys(genres[name] for name in movie.genres)
        ],
        2 * BATCH,
    )
    return {movie.id: row.pk for movie, row in zip(movies, made, strict=True)}


def genres_ensure(*, names: set[str]) -> dict[str, int]:
    """Database ids of the genres by name, case ignored; makes those that are missing."""
    rows = list(Genre.objects.annotate(key=NameKey("name")).values_list("key", "slug", "pk"))
    by_key = {key: pk for key, _, pk in rows}
    slugs = {slug for _, slug, _ in rows}
    keys = name_keys(names)
    for name in best_spelled(names):
        if keys[name] in by_key:
            continue
        base = slugify(name)[:36] or "genre"
        slug, count = base, 2
        while slug in slugs:
            slug, count = f"{base}-{count}", count + 1
        slugs.add(slug)
        by_key[keys[name]] = Genre.objects.create(name=name, slug=slug).pk
    return {name: by_key[keys[name]] for name in names}
