"""What a reader may narrow a list to. Filters are conditions of the search itself, so they never cost rows."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from movies.models import Genre, Movie

MAX_EXCLUDED = 1000


@dataclass(frozen=True)
class ListFilters:
    """The movies a list may hold: of any of these genres (slugs), of these years, in this language, not longer than
    this, and none of ``exclude``; ``mood`` is free text that moves the ranking and leaves nothing out."""

    genres: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    language: str = ""
    max_runtime: int | None = None
    exclude: frozenset[int] = frozenset()
    mood: str = ""

    def __bool__(self) -> bool:
        """Whether the list may differ from the unfiltered one."""
        return self != ListFilters()

    @property
    def narrows(self) -> bool:
        """Whether some movies are ruled out by what they are, rather than by their ids."""
        return bool(self.genres or self.language or self.year_from or self.year_to or self.max_runtime)

    def movies(self) -> QuerySet[Movie]:
        """The published movies that pass, unordered; ``exclude`` is left to the caller, who has ids to drop anyway."""
        condition = Q(status=Movie.Status.PUBLISHED)
        if self.genres:
            condition &= Q(pk__any_of=ArraySubquery(self._of_genres()))
        if self.year_from is not None:
            condition &= Q(year__gte=self.year_from)
        if self.year_to is not None:
            condition &= Q(year__lte=self.year_to)
        if self.language:
            condition &= Q(language__iexact=self.language)
        if self.max_runtime is not None:
            condition &= Q(runtime_minutes__lte=self.max_runtime)
        return Movie.objects.filter(condition).order_by()

    def movie_ids(self) -> QuerySet[Any]:
        """The ids of the movies that pass, unordered, for a search that looks at published movies anyway: by genre
        alone they are read from the genres, and the table of movies is left out of it."""
        if self == ListFilters(genres=self.genres, exclude=self.exclude, mood=self.mood):
            return self._of_genres().distinct()
        return self.movies().values("pk")

    def _of_genres(self) -> QuerySet[Any]:
        """The ids of the movies of any of the genres, some of them several times."""
        genres = Genre.objects.filter(slug__in=self.genres).order_by().values("pk")
        through = Movie.genres.through.objects.filter(genre_id__any_of=ArraySubquery(genres))
        return through.order_by().values("movie_id")

    def passing(self, movie_ids: Collection[int]) -> set[int]:
        """Those of ``movie_ids`` that pass. One query, none when nothing is narrowed."""
        kept = set(movie_ids) - self.exclude
        if not self.narrows or not kept:
            return kept
        return set(self.movies().filter(pk__any_of=kept).values_list("pk", flat=True))

    def check(self) -> None:
        """Raises ValidationError naming what nothing can pass: unknown genres, years the wrong way round."""
        known = set(Genre.objects.filter(slug__in=self.genres).values_list("slug", flat=True)) if self.genres else set()
        unknown = [slug for slug in self.genres if slug not in known]
        if unknown:
            raise ValidationError({"genre": f"There is no genre of the slug {unknown[0]}."})
        if self.year_from is not None and self.year_to is not None and self.year_from > self.year_to:
            raise ValidationError({"year_from": "year_from must not be after year_to."})

    def fingerprint(self) -> str:
        """A short text that is the same for the same filters."""
        parts = (
            sorted(self.genres),
            self.year_from,
            self.year_to,
            self.language.lower(),
            self.max_runtime,
            sorted(self.exclude),
            self.mood,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16] if self else ""
