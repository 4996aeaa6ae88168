"""Reads the movies that a person's films may be."""

import re
from collections.abc import Iterable, Sequence

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from events.taste.formats.films import Film, title_key
from events.taste.formats.matching import Catalogue, CatalogueMovie, title_keys
from movies.models import Movie

_FIELDS = ("title", "year", "imdb_id", "tmdb_id", "movielens_id")
_ALTERNATIVE = re.compile(r"\(([^()]+)\)")
_AKA = re.compile(r"^a\.?k\.?a\.?:?\s+", re.IGNORECASE)


def catalogue_for(films: Sequence[Film]) -> Catalogue:
    """The published movies with an id of the films, and those with a title of films that no id names. Two queries.

    A movie that was merged counts, with its own ids and title, as the movie it was merged into.
    The second reads the titles of the whole catalogue, since they are compared in a form that no index has.
    """
    catalogue = Catalogue()
    rows = [film.row for film in films]
    ids = (
        Q(imdb_id__in={row.imdb_id for row in rows if row.imdb_id})
        | Q(tmdb_id__in={row.tmdb_id for row in rows if row.tmdb_id})
        | Q(movielens_id__in={row.movielens_id for row in rows if row.movielens_id})
    )
    for movie in _movies(ids):
        _add(catalogue.imdb[movie.imdb_id], movie)
        _add(catalogue.tmdb[movie.tmdb_id or 0], movie)
        _add(catalogue.movielens[movie.movielens_id or 0], movie)
    for absent in (catalogue.tmdb, catalogue.movielens):
        absent.pop(0, None)
    catalogue.imdb.pop("", None)
    wanted = {
        key
        for row in rows
        if row.imdb_id not in catalogue.imdb
        and row.tmdb_id not in catalogue.tmdb
        and row.movielens_id not in catalogue.movielens
        for key in title_keys(row)
    }
    if wanted:
        _add_titled(catalogue, wanted)
    return catalogue


def _add_titled(catalogue: Catalogue, wanted: set[str]) -> None:
    for movie in _movies(Q()):
        key = title_key(movie.title)
        if key in wanted:
            _add(catalogue.titled[key], movie)
        if "(" in movie.title:
            for other in _ALTERNATIVE.findall(movie.title):
                also = title_key(_AKA.sub("", other))
                if also in wanted and also != key:
                    _add(catalogue.also_titled[also], movie)


def _add(movies: list[CatalogueMovie], movie: CatalogueMovie) -> None:
    """Adds the movie, once: a merged one may have the same title or id."""
    if all(movie.pk != other.pk for other in movies):
        movies.append(movie)


def _movies(condition: Q) -> Iterable[CatalogueMovie]:
    published = Movie.Status.PUBLISHED
    listed = Q(status=published) | Q(merged_into__status=published)
    # Those that were not merged first: of two with one title theirs is shown.
    movies = Movie.objects.filter(condition & listed).order_by(F("merged_into").asc(nulls_first=True), "pk")
    rows = movies.values_list(Coalesce("merged_into_id", "pk"), *_FIELDS)
    return map(CatalogueMovie._make, rows.iterator(chunk_size=10_000))
