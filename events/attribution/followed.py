"""What people did with the lists of the log, and the lists in words, for staff."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from events.attribution.dimensions import SOURCE_NAMES
from events.attribution.models import RecommendationOutcome
from events.kinds import Kind
from events.models import Interaction, ServedRecommendation
from movies.models import Movie

SOURCE_WORDS: Final = {
    "batch": "matches what they did up to the last training",
    "realtime": "near what they did lately",
    "popular": "popular with everybody",
    "new": "a place for new movies",
    "pinned": "put there by staff",
    "mood": "fits the mood they asked for",
    "row": "in a row that is the same for everybody",
}
# Events of the people on one page that are searched for what followed; the newest ones.
MAX_EVENTS: Final = 5_000
# A list may be shown again from the cache, and its later pages be asked for.
_SHOWN_LATER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One event that is attributed to a place (from 1) of a list."""

    kind: Kind
    movie_id: int
    position: int
    occurred_at: datetime

    @property
    def text(self) -> str:
        return f"{self.kind} at {self.occurred_at:%Y-%m-%d %H:%M}"


def followed_by_list(lists: Sequence[ServedRecommendation]) -> dict[UUID, list[Followed]]:
    """What followed each of these lists, in the order of time; lists without anything are left out.

    Two queries, which read the events of the lists' people by their index; none for lists of guests.
    """
    people = {served.user_id for served in lists if served.user_id is not None}
    if not people:
        return {}
    window = timedelta(hours=settings.ATTRIBUTION_WINDOW_HOURS) + _SHOWN_LATER
    events = Interaction.objects.filter(
        user_id__in=people,
        occurred_at__gte=min(served.served_at for served in lists),
        occurred_at__lt=max(served.served_at for served in lists) + window,
        undone_at=None,
    ).order_by("-occurred_at")
    found_events = events.values_list("pk", "kind", "movie_id", "occurred_at")[:MAX_EVENTS]
    kinds = {pk: (kind, movie_id, occurred_at) for pk, kind, movie_id, occurred_at in found_events}
    outcomes = RecommendationOutcome.objects.filter(
        interaction_id__in=list(kinds), recommendation_id__in=[served.pk for served in lists]
    )
    found: dict[UUID, list[Followed]] = defaultdict(list)
    for event_id, list_id, position in outcomes.values_list("interaction_id", "recommendation_id", "position"):
        kind, movie_id, occurred_at = kinds[event_id]
        found[list_id].append(Followed(kind=Kind(kind), movie_id=movie_id, position=position, occurred_at=occurred_at))
    for followed in found.values():
        followed.sort(key=lambda one: one.occurred_at)
    return dict(found)


def titles_of(movie_ids: Iterable[int]) -> dict[int, str]:
    """The titles with their years, by id. One query, none for no movies."""
    wanted = set(movie_ids)
    if not wanted:
        return {}
    return {movie.pk: str(movie) for movie in Movie.objects.filter(pk__in=wanted).only("title", "year")}


def title_in(titles: dict[int, str], movie_id: int) -> str:
    """The title, or that the movie is deleted."""
    return titles.get(movie_id, f"movie {movie_id} (deleted)")


def source_words(code: int | None) -> str:
    """Why a movie is in a list, from the number of the source with the largest share of its score."""
    return SOURCE_WORDS.get(SOURCE_NAMES.get(code, ""), "not recorded") if code is not None else "not recorded"


def sources_text(codes: Sequence[int]) -> str:
    """How many places of a list each source has, as in "batch 12, popular 8"."""
    counted = Counter(SOURCE_NAMES.get(code, "unknown") for code in codes)
    return ", ".join(f"{name} {count}" for name, count in counted.most_common()) or "not recorded"


def followed_text(followed: Sequence[Followed]) -> str:
    """What followed a list, counted, as in "click 2, watch 1"."""
    counted = Counter(one.kind.value for one in followed)
    return ", ".join(f"{name} {count}" for name, count in counted.most_common()) or "-"
