"""Events from outside: recorded if the list that they name was shown to their person."""

import re
import uuid
from collections.abc import Mapping, Sequence

from accounts.models import User
from events.new_events import EventResult, NewEvent
from events.recording import interactions_record
from events.served.entries import SOURCE_CODES
from events.served.ownership import lists_shown_to

NOT_SHOWN = "This list was not shown to this person."
# Where a caller may say that an event came from: a source of our lists, or a row of the caller's own.
SOURCES = tuple(SOURCE_CODES)
SOURCE_PATTERN = rf"^(?:{'|'.join(SOURCES)}|row:[A-Za-z0-9][A-Za-z0-9 ._-]{{0,34}})?$"
_SOURCE = re.compile(SOURCE_PATTERN)
# Of the ids that follow from a caller's idempotency keys.
_KEYS = uuid.UUID("5a0a3c0e-7d43-4c5a-9d6b-0f5b4e3f5c21")


def is_source(text: str) -> bool:
    """Whether a caller may name this source."""
    return _SOURCE.fullmatch(text) is not None


def keyed_event_id(*, user_id: int, key: str, position: int | None = None) -> uuid.UUID:
    """The id of the event that a person sends under this idempotency key; in a batch, at this position."""
    # No key holds a space, so that none is that of a position.
    place = "" if position is None else f"{position} "
    return uuid.uuid5(_KEYS, f"{user_id}:{place}{key}")


def events_ingest(*, events: Sequence[NewEvent], users: Mapping[int, User]) -> list[EventResult]:
    """``interactions_record`` for events of these users (by id), each of which may only name a list its person saw.

    A query or a round trip more for each person whose events name lists.
    """
    named: dict[int, set[uuid.UUID]] = {}
    for event in events:
        if event.recommendation_id is not None:
            named.setdefault(event.user_id, set()).add(event.recommendation_id)
    shown = {user_id: set().union(*lists_shown_to(users[user_id], ids)) for user_id, ids in named.items()}
    refused = {
        place: {"recommendation_id": NOT_SHOWN}
        for place, event in enumerate(events)
        if event.recommendation_id is not None and event.recommendation_id not in shown[event.user_id]
    }
    return interactions_record(events, refused=refused)
