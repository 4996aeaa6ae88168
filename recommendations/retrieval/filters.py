"""The filters of a recommendation list. Each search applies them as a condition, so that they never reduce its rows."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from movies.availability.regions import effective_region
from movies.filters import MovieFilter

MAX_EXCLUDED = 1000
# A month.
MAX_REPEAT_AFTER = 744

_NARROWING = [field for field in fields(MovieFilter) if field.name != "region"]


@dataclass(frozen=True)
class ListFilters(MovieFilter):
    """A movie filter with more fields.

    exclude: ids of movies to leave out; the caller excludes them together with seen movies. mood: free text that
    affects the ranking only. repeat_after: movies that the person was shown within this many hours and did not act on
    rest, as long as others are left; 0 lets them return at once, None is REPEAT_AFTER_HOURS. exclude_watchlist: leaves
    out what is on the person's watchlist. A region alone makes no list a filtered one: it is a part of its cache key.
    """

    exclude: frozenset[int] = frozenset()
    mood: str = ""
    repeat_after: int | None = None
    exclude_watchlist: bool = False

    def __bool__(self) -> bool:
        """Whether any filter is set, beside the region."""
        return self != ListFilters(region=self.region)

    @property
    def narrows(self) -> bool:
        """Whether any field of the movie filter is set. Not by a region alone, whose movies each process knows."""
        return any(getattr(self, field.name) != field.default for field in _NARROWING)

    def effective(self) -> "ListFilters":
        """These filters with the region that counts: DEFAULT_REGION without one."""
        region = effective_region(self.region)
        return self if region == self.region else replace(self, region=region)

    def passing(self, movie_ids: Collection[int]) -> set[int]:
        """The ids among ``movie_ids`` that pass and are not excluded. One query; none without a movie filter."""
        candidates = set(movie_ids) - self.exclude
        if not self.narrows or not candidates:
            return candidates
        return set(self.movies().filter(pk__any_of=candidates).values_list("pk", flat=True))

    def fingerprint(self) -> str:
        """A short text that is equal for equal filters; "" without filters."""
        # The values of all fields, with those that differ only in order or case made equal.
        same = {"genres": sorted(self.genres), "language": self.language.lower(), "exclude": sorted(self.exclude)}
        parts = tuple(same.get(field.name, getattr(self, field.name)) for field in fields(self))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16] if self or self.region else ""
