"""What a film of an import says, as events: only what the site does not know yet."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.models import User
from events.kinds import Kind
from events.models import Interaction, Rating
from events.new_events import EARLIEST, NewEvent
from events.taste.formats.rows import TasteRow

# What has no date happened at the earliest time that an event may have: then everything that the person did here, and
# every dated row, is newer.
UNDATED = EARLIEST
_NAMESPACE = uuid.UUID("5b0f3a34-3d0c-5d7b-9f39-0b7c7d0f2f11")
_JUST_BEFORE = timedelta(microseconds=1)


@dataclass
class Known:
    """What the site knows of a person and some movies."""

    ratings: dict[int, tuple[float, datetime]] = field(default_factory=dict)
    events: dict[str, set[int]] = field(default_factory=dict)

    def has(self, kind: str, movie_id: int) -> bool:
        return movie_id in self.events.get(kind, ())


def known_of(user: User, movie_ids: Collection[int]) -> Known:
    """Two queries."""
    known = Known()
    ratings = Rating.objects.filter(user=user, movie_id__in=movie_ids)
    known.ratings = {pk: (value, at) for pk, value, at in ratings.values_list("movie_id", "value", "rated_at")}
    events = Interaction.objects.filter(user=user, movie_id__in=movie_ids, undone_at=None).exclude(kind=Kind.RATING)
    for kind, movie_id in events.values_list("kind", "movie_id").distinct():
        known.events.setdefault(kind, set()).add(movie_id)
    return known


def events_for(
    row: TasteRow, *, user_id: int, movie_id: int, source: str, known: Known, now: datetime, unchanged: Counter[str]
) -> Iterable[NewEvent]:
    """The events of a film's merged row that say something new; the others are counted in ``unchanged``.

    A film with a rating has no event for its viewing, and one that was seen none for the watchlist. A like is a moment
    older than the rating of the same film, which is the finer judgement.
    """
    rated = row.rating is not None
    rated_at = _time(row.rated_at or (row.watched_at if rated else None), now)
    seen = rated or movie_id in known.ratings or known.has(Kind.WATCH, movie_id)
    said: list[tuple[str, float | None, datetime, bool]] = []
    if row.liked:
        liked_at = _time(row.liked_at, now)
        liked_at = max(EARLIEST, min(liked_at, rated_at - _JUST_BEFORE)) if rated else liked_at
        said.append((Kind.LIKE, None, liked_at, known.has(Kind.LIKE, movie_id)))
    if row.rating is not None:
        value, at = known.ratings.get(movie_id, (None, EARLIEST))
        said.append((Kind.RATING, row.rating, rated_at, value is not None and (value == row.rating or at > rated_at)))
    elif row.watched:
        said.append((Kind.WATCH, None, _time(row.watched_at, now), seen))
    if row.watchlisted and not row.watched and not rated:
        no_use = seen or known.has(Kind.WATCHLIST, movie_id)
        said.append((Kind.WATCHLIST, None, _time(row.watchlisted_at, now), no_use))
    for kind, value, at, is_known in said:
        if is_known:
            unchanged[str(kind)] += 1
            continue
        identity = f"taste:{source}|{user_id}|{movie_id}|{kind}|{value}|{at.isoformat()}"
        yield NewEvent(
            user_id=user_id,
            movie_id=movie_id,
            kind=str(kind),
            value=value,
            occurred_at=at,
            event_id=uuid.uuid5(_NAMESPACE, identity),
            source=f"taste:{source}",
        )


def _time(moment: datetime | None, now: datetime) -> datetime:
    """Between the earliest time of an event and now: a date may be tomorrow's already, where the person lives."""
    return UNDATED if moment is None else max(EARLIEST, min(moment, now))
