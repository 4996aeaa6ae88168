"""Which movies each region lacks, without a query: each process keeps them under the database's state and the day.

They are read again after a change of a window, and when a window opens or closes by the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from django.conf import settings

from movies.availability import days
from movies.availability.selectors import availability_edges, unavailable_movie_ids
from recommendations.retrieval.database_state import DatabaseState

# Regions that a process keeps at once; one takes about 60 bytes for each movie that it lacks.
MAX_HELD = 64
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Availability:
    """The windows of one state. edges: when one opens or closes, in seconds of the epoch, ascending.

    everything: whether all movies are available in all regions.
    """

    edges: tuple[float, ...] = ()
    everything: bool = True
    _held: dict[tuple[str, int], frozenset[int]] = field(default_factory=dict, repr=False, compare=False)

    def unavailable(self, region: str) -> frozenset[int]:
        """Ids of the movies that are not available in the region now; none in "". One query if they are not kept."""
        if not region or self.everything:
            return _NONE
        key = region, bisect_right(self.edges, days.now())
        found = self._held.get(key)
        if found is None:
            found = unavailable_movie_ids(region)
            if len(self._held) >= MAX_HELD:
                self._held.clear()
            self._held[key] = found
        return found


EVERYWHERE = Availability()
_current: tuple[tuple[bytes, str], Availability] | None = None


def active_availability(state: DatabaseState) -> Availability:
    """The windows under that state. One query after they have changed."""
    global _current  # noqa: PLW0603 -- one for the process is what it is for.
    default = settings.AVAILABILITY_DEFAULT
    # With "nowhere" a movie that is new to the catalogue is unavailable, too.
    key = state.availability if default == "everywhere" else state.text, default
    held = _current
    if held is None or held[0] != key:
        if default == "everywhere" and key[0].startswith(b"None:"):
            found = EVERYWHERE
        else:
            found = Availability(availability_edges(), everything=False)
        held = _current = key, found
    return held[1]


def clear_cache() -> None:
    """Makes the next call read again, for example after the tables have been replaced."""
    global _current  # noqa: PLW0603
    _current = None
