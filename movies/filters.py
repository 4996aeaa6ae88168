"""The movie filter, which the catalogue, the search and the lists share."""

from dataclasses import dataclass, fields, replace
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from movies.availability.selectors import available_in
from movies.models import Genre, Movie
from movies.text import search_key_typed


@dataclass(frozen=True)
class MovieFilter:
    """Selects movies by their attributes; a field at its default selects all movies.

    title: part of the title, any case, with or without accents; uses the trigram index of titles.
    genre_id: of this genre, by a join, so that a page in an index's order stops reading when it is full.
    genres: of any of these genres, by slug. The ids of their movies are read once, as an array: a join of three tables
    reads every triple of rows while PostgreSQL's statistics count the tables as empty.
    year, year_from, year_to: year of release, both ends included. language: ISO 639-1, any case. max_runtime: minutes.
    region: available there today; DEFAULT_REGION has no effect here.
    """

    title: str = ""
    genre_id: int | None = None
    genres: tuple[str, ...] = ()
    year: int | None = None
    year_from: int | None = None
    year_to: int | None = None
    language: str = ""
    max_runtime: int | None = None
    region: str = ""

    @property
    def narrows(self) -> bool:
        """Whether any field differs from its default."""
        return any(getattr(self, field.name) != field.default for field in fields(MovieFilter))

    def restriction(self, prefix: str = "") -> Q:
        """The condition on movies, published or not; ``prefix`` ("movie__") is for rows that refer to a movie."""
        conditions: list[tuple[str, Any]] = []
        if self.title:
            conditions.append(("search_title__contains", search_key_typed(self.title)))
        if self.genre_id is not None:
            conditions.append(("genres", self.genre_id))
        if self.genres:
            conditions.append(("pk__any_of", ArraySubquery(self._ids_by_genre())))
        if self.year is not None:
            conditions.append(("year", self.year))
        if self.year_from is not None:
            conditions.append(("year__gte", self.year_from))
        if self.year_to is not None:
            conditions.append(("year__lte", self.year_to))
        if self.language:
            conditions.append(("language__iexact", self.language))
        if self.max_runtime is not None:
            conditions.append(("runtime_minutes__lte", self.max_runtime))
        restriction = Q(*((prefix + name, value) for name, value in conditions))
        return restriction & available_in(self.region, prefix) if self.region else restriction

    def condition(self, prefix: str = "") -> Q:
        """The ``restriction``, for published movies only."""
        return Q(**{f"{prefix}status": Movie.Status.PUBLISHED}) & self.restriction(prefix)

    def movies(self) -> QuerySet[Movie]:
        """The published movies that pass the filter, unordered."""
        return Movie.objects.filter(self.condition()).order_by()

    def movie_ids(self) -> QuerySet[Any]:
        """The ids of the movies that pass the filter, unordered, for a search that selects published movies itself.

        With ``genres`` alone, the table of movies is not read, and unpublished movies are included.
        """
        if self.genres and not replace(self, genres=()).narrows:
            return self._ids_by_genre().distinct()
        return self.movies().values("pk")

    def check(self) -> None:
        """Raise ValidationError, naming the field, for unknown ``genres`` and for years in the wrong order.

        One query with ``genres``, otherwise none.
        """
        known = set(Genre.objects.filter(slug__in=self.genres).values_list("slug", flat=True)) if self.genres else set()
        unknown = [slug for slug in self.genres if slug not in known]
        if unknown:
            raise ValidationError({"genre": f"There is no genre of the slug {unknown[0]}."})
        if self.year_from is not None and self.year_to is not None and self.year_from > self.year_to:
            raise ValidationError({"year_from": "year_from must not be after year_to."})

    def _ids_by_genre(self) -> QuerySet[Any]:
        """The ids of the movies of any of ``genres``, once for each of these genres that a movie has."""
        genres = Genre.objects.filter(slug__in=self.genres).order_by().values("pk")
        through = Movie.genres.through.objects.filter(genre_id__any_of=ArraySubquery(genres))
        return through.order_by().values("movie_id")
