"""Events to record, checked one by one, and what became of each."""

import math
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from django.utils import timezone

from events.kinds import KIND_TABLE, WATCHED_FROM, Kind
from events.models import FUTURE_TOLERANCE, MAX_RATING, MAX_SOURCE_LENGTH, MIN_RATING, Interaction

RATING_STEP: Final = 0.5
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
# Beyond the column's type.
_IDS_END: Final = 2**63
# The source of a rating that had no event, stored when an event first takes its place, so that it can come back.
BEFORE: Final = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One thing a person did with a movie, or takes back (``undo``).

    occurred_at: by default the moment of receipt; UTC if it has no zone. event_id: the caller's own, by which an event
    that is sent twice is stored once; by default a new one. progress: the share of the movie that was watched, 0 to 1.
    source: where it came from; empty for the API.
    """

    user_id: int
    movie_id: int
    kind: str
    value: float | None = None
    progress: float | None = None
    occurred_at: datetime | None = None
    event_id: uuid.UUID | None = None
    recommendation_id: uuid.UUID | None = None
    source: str = ""
    undo: bool = False


class Outcome(StrEnum):
    """What became of an event."""

    CREATED = "created"
    # It was stored before, with the same content.
    REPEATED = "repeated"
    INVALID = "invalid"
    # Its id was stored before, with other content.
    CONFLICT = "conflict"
    # The person has paused personalisation.
    PAUSED = "paused"
    # The person was deleted meanwhile.
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """The outcome of one event. ``event``: as stored, if it is; ``errors``: of an invalid one, a message by field."""

    outcome: Outcome
    event: Interaction | None = None
    errors: dict[str, str] = field(default_factory=dict)


def event_errors(event: NewEvent, received_at: datetime) -> dict[str, str]:
    """A message for each field that is not valid, whatever the database holds."""
    found = {
        "kind": _kind_error(event.kind),
        "movie": "" if 0 < event.movie_id < _IDS_END else no_movie(event.movie_id),
        "value": _value_error(event),
        "progress": _progress_error(event),
        "occurred_at": _time_error(event.occurred_at, received_at),
        "source": _source_error(event.source),
    }
    if found["kind"]:
        return {"kind": found["kind"]}
    return {name: error for name, error in found.items() if error}


def no_movie(movie_id: int) -> str:
    """The error for a movie that takes no events."""
    return f"There is no published movie {movie_id}."


def stored_kind(event: NewEvent) -> str:
    """The kind to store: a watch of less than WATCHED_FROM is a part."""
    if event.kind == Kind.WATCH and event.progress is not None and event.progress < WATCHED_FROM:
        return Kind.PARTIAL.value
    return event.kind


def in_utc(moment: datetime) -> datetime:
    """The moment, in UTC if it has no time zone."""
    return moment.replace(tzinfo=UTC) if timezone.is_naive(moment) else moment


def _kind_error(kind: str) -> str:
    return "" if kind in KIND_TABLE else f"One of {', '.join(KIND_TABLE)}."


def _value_error(event: NewEvent) -> str:
    value = event.value
    if event.kind != Kind.RATING:
        return "" if value is None else f"Only a rating has a value, not a {event.kind}."
    if event.undo:
        return "" if value is None else "Taking a rating back needs no value."
    if value is None:
        return "A rating needs a value."
    if not (math.isfinite(value) and MIN_RATING <= value <= MAX_RATING and (value / RATING_STEP).is_integer()):
        return f"From {MIN_RATING} to {MAX_RATING} in steps of {RATING_STEP}."
    return ""


def _progress_error(event: NewEvent) -> str:
    progress = event.progress
    if event.undo or event.kind not in (Kind.WATCH, Kind.PARTIAL):
        return "" if progress is None else "Only a watch has a progress."
    if progress is None:
        return ""
    if not (math.isfinite(progress) and 0 <= progress <= 1):
        return "From 0 to 1."
    if event.kind == Kind.PARTIAL and progress >= WATCHED_FROM:
        return f"From {WATCHED_FROM} on it is a watch."
    return ""


def _time_error(occurred_at: datetime | None, received_at: datetime) -> str:
    if occurred_at is None:
        return ""
    moment = in_utc(occurred_at)
    if moment > received_at + FUTURE_TOLERANCE:
        return "This is in the future."
    return "" if moment >= EARLIEST else f"Nothing is recorded from before {EARLIEST.year}."


def _source_error(source: str) -> str:
    if len(source) > MAX_SOURCE_LENGTH:
        return f"At most {MAX_SOURCE_LENGTH} characters."
    return "" if source.isprintable() else "No control characters."
