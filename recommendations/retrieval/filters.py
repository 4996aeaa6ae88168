"""The filter of a list of recommendations. It is a condition of each search, so that it never costs rows."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from movies.filters import MovieFilter

MAX_EXCLUDED = 1000


@dataclass(frozen=True)
class ListFilters(MovieFilter):
    """A movie filter with what belongs to the person: none of ``exclude`` (movie ids), which the caller leaves out
    with other ids, and ``mood``, free text that moves the ranking and leaves nothing out."""

    exclude: frozenset[int] = frozenset()
    mood: str = ""

    def __bool__(self) -> bool:
        """Whether the list may differ from the unfiltered one."""
        return self != ListFilters()

    def passing(self, movie_ids: Collection[int]) -> set[int]:
        """Those of ``movie_ids`` that pass and are not excluded. One query, none when nothing is narrowed."""
        candidates = set(movie_ids) - self.exclude
        if not self.narrows or not candidates:
            return candidates
        return set(self.movies().filter(pk__any_of=candidates).values_list("pk", flat=True))

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
