"""Reads the movies that a person's films may be."""

import re
from collections.abc import Iterable, Sequence

from django.db.models import Q

from events.taste.formats.films import Film, title_key
from events.taste.formats.matching import Catalogue, CatalogueMovie, title_keys
from movies.models import Movie

_FIELDS = ("pk", "title", "year", "imdb_id", "tmdb_id", "movielens_id")
_ALTERNATIVE = re.compile(r"\(([^()]+)\)")
_AKA = re.compile(r"^a\.?k\.?a\.?:?\s+", re.IGNORECASE)


def catalogue_for(films: Sequence[Film]) -> Catalogue:
    """The published movies with an id of the films, and those with a title of films that no id names. Two queries.

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
        catalogue.imdb[movie.imdb_id].append(movie)
        catalogue.tmdb[movie.tmdb_id or 0].append(movie)
        catalogue.movielens[movie.movielens_id or 0].append(movie)
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
            catalogue.titled[key].append(movie)
        if "(" in movie.title:
            for other in _ALTERNATIVE.findall(movie.title):
                also = title_key(_AKA.sub("", other))
                if also in wanted and also != key:
                    catalogue.also_titled[also].append(movie)


def _movies(condition: Q) -> Iterable[CatalogueMovie]:
    movies = Movie.objects.filter(condition, status=Movie.Status.PUBLISHED).order_by("pk")
    return map(CatalogueMovie._make, movies.values_list(*_FIELDS).iterator(chunk_size=10_000))
