"""Records many events of an import. Repeating an event changes nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from events.services import EventConflictError, interaction_record


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to record. ``event_id``: made of what the event says, so that a repeated one is the same."""

    user_id: int
    movie_id: int
    kind: str
    value: float | None
    occurred_at: datetime
    event_id: uuid.UUID
    source: str


def interactions_record(events: Sequence[NewEvent]) -> list[bool]:
    """Whether each event is new, in order. Raises what ``interaction_record`` raises, but for EventConflictError.

    An event whose id is stored with other content, such as one whose time was clamped to its receipt, is not new.
    """
    users = User.objects.in_bulk({event.user_id for event in events})
    return [_record(event, users[event.user_id]) for event in events]


def _record(event: NewEvent, user: User) -> bool:
    try:
        return interaction_record(
            user=user,
            movie_id=event.movie_id,
            kind=event.kind,
            value=event.value,
            occurred_at=event.occurred_at,
            event_id=event.event_id,
        )[1]
    except EventConflictError:
        return False
