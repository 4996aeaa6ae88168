"""Imports a data set's movies into the catalogue: creates missing movies and does not overwrite edits by staff."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.utils.text import slugify

from movies.fields import NameKey
from movies.merging.aliases import movies_merged_into
from movies.models import DatasetMovie, Genre, Movie
from movies.movielens.catalogue_lines import LinkLine, MovieLine
from movies.movielens.titles import match_key
from movies.names import best_spelled, name_keys

BATCH = 2000

Links = dict[int, LinkLine]


@dataclass
class CatalogueResult:
    """``ids``: database ids by the data set's movie ids; ``filled``: how many known movies got an id they lacked."""

    ids: dict[int, int] = field(default_factory=dict)
    new: int = 0
    known: int = 0
    filled: int = 0


def catalogue_load(*, dataset: str, movies: Sequence[MovieLine], links: Links, canonical: bool) -> CatalogueResult:
    """Creates missing movies and fills in missing ids of known ones. Call it inside a transaction.

    Title, year, genres and status of known movies are not changed, since staff maintain them. ``canonical``: the data
    set's ids are MovieLens ids; otherwise movies are matched by title and year alone. ``ids`` lead from
    a merged movie to the one it was merged into, so that two may be equal.
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
        # A movie with another MovieLens id is another movie, even with the same title.
        ids |= _match_titles(rest, excluded=taken | set(movielens_ids.values()) if canonical else taken)
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
    merged = movies_merged_into(set(ids.values()))
    ids = {number: merged.get(pk, pk) for number, pk in ids.items()}
    return CatalogueResult(ids, new=len(made), known=known, filled=filled)


def _match_titles(movies: Iterable[MovieLine], *, excluded: set[int]) -> dict[int, int]:
    """Database ids of movies matched by title and year: by equal titles first, then by ``match_key``.

    ``excluded`` holds database ids that must not match; each database id matches at most once.
    """
    by_title: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    by_key: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for pk, title, year in Movie.objects.order_by("pk").values_list("pk", "title", "year"):
        if pk not in excluded:
            by_title[title.casefold(), year].append(pk)
            by_key[match_key(title), year].append(pk)
    found: dict[int, int] = {}
    used: set[int] = set()
    remaining: list[MovieLine] = []
    for movie in movies:
        free = [pk for pk in by_title.get((movie.title.casefold(), movie.year), ()) if pk not in used]
        if free:
            found[movie.id] = free[0]
            used.add(free[0])
        elif movie.year is not None:
            remaining.append(movie)
    for movie in remaining:
        free = [pk for pk in by_key.get((match_key(movie.title), movie.year), ()) if pk not in used]
        if len(free) == 1:
            found[movie.id] = free[0]
            used.add(free[0])
    return found


def _fill_ids(ids: dict[int, int], links: Links, canonical: bool) -> int:
    """Fills in missing ids of known movies; returns how many movies got one. Existing ids are kept."""
    numbers = list(ids)
    blank = LinkLine(0, "", None)
    new_ids = [links.get(number, blank) for number in numbers]
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
                [link.imdb_id for link in new_ids],
                [link.tmdb_id for link in new_ids],
            ],
        )
        return cursor.rowcount


def _movies_create(movies: list[MovieLine], links: Links, used_ids: set[int], canonical: bool) -> dict[int, int]:
    """Creates movies with their genres; returns database ids by the data set's ids."""
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
    """Database ids of genres by name, ignoring case; creates missing genres."""
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
