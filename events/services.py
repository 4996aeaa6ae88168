"""Records each event once, and invalidates the person's cached list."""

import uuid
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts.models import User
from accounts.privacy.pausing import PersonalisationPausedError
from events.kinds import Kind
from events.models import Interaction
from events.new_events import EventResult, NewEvent, Outcome
from events.recording import interactions_record
from events.taking_back import event_take_back


class EventConflictError(Exception):
    """An event id was sent again with other content."""


def interaction_record(
    *,
    user: User,
    movie_id: int,
    kind: str,
    value: float | None = None,
    occurred_at: datetime | None = None,
    event_id: uuid.UUID | None = None,
    recommendation_id: uuid.UUID | None = None,
    progress: float | None = None,
    source: str = "",
    undo: bool = False,
) -> tuple[Interaction, bool]:
    """Stores one event as ``events.recording`` does.

    Returns the event and whether it is new: the same ``event_id`` with the same content returns the stored event.
    Raises ValidationError naming the field, EventConflictError, PersonalisationPausedError, or User.DoesNotExist if the
    person was deleted meanwhile; then nothing has changed.
    """
    given = NewEvent(
        user_id=user.pk,
        movie_id=movie_id,
        kind=kind,
        value=value,
        progress=progress,
        occurred_at=occurred_at,
        event_id=event_id,
        recommendation_id=recommendation_id,
        source=source,
        undo=undo,
    )
    return event_of(interactions_record([given])[0])


def movie_unhide(*, user: User, movie_id: int) -> None:
    """Takes back that the person hid this movie; nothing happens if they did not.

    Somebody who has paused personalisation can do this too: nothing new is recorded, the hides are taken back.
    Raises User.DoesNotExist if the person was deleted meanwhile.
    """
    hides = Interaction.objects.filter(user=user, kind=Kind.HIDE.value, undone_at=None)
    # The id may be that of a duplicate, which was merged into the movie since.
    hides = hides.filter(Q(movie_id=movie_id) | Q(movie__merged=movie_id))
    event_ids = list(hides.values_list("event_id", flat=True))
    if not event_ids:
        return
    try:
        interaction_record(user=user, movie_id=movie_id, kind=Kind.HIDE.value, undo=True)
    except PersonalisationPausedError:
        with transaction.atomic():
            for event_id in event_ids:
                event_take_back(user=user, event_id=event_id)


def event_of(result: EventResult) -> tuple[Interaction, bool]:
    """The stored event of a result, and whether it is new. Raises what ``interaction_record`` raises."""
    if result.outcome is Outcome.INVALID:
        raise ValidationError(result.errors)
    if result.outcome is Outcome.CONFLICT:
        raise EventConflictError("This event_id is already stored with other content.")
    if result.outcome is Outcome.PAUSED:
        raise PersonalisationPausedError
    if result.event is None:
        raise User.DoesNotExist
    return result.event, result.outcome is Outcome.CREATED
