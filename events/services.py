"""Records each event once, invalidates the person's cached list, and logs served lists."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from psycopg.errors import ForeignKeyViolation

from accounts.models import User
from accounts.privacy.pausing import PersonalisationPausedError
from events.models import Interaction
from events.new_events import EventResult, NewEvent, Outcome
from events.recording import interactions_record

_SERVED = """
    WITH async_commit AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO events_servedrecommendation
        (id, user_id, endpoint, model_version_id, movie_ids, scores, explored, request_id, served_at)
    SELECT %s, %s, %s, %s::bigint, %s::bigint[], %s::real[], %s::bigint[], %s, now() FROM async_commit
"""


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


def served_record(
    *,
    recommendation_id: uuid.UUID,
    user: User,
    endpoint: str,
    model_version_id: int | None,
    movie_ids: Sequence[int],
    scores: Sequence[float],
    explored: Sequence[int] = (),
    request_id: str = "",
) -> None:
    """Logs a list that is about to be shown, best first; ``explored`` are those of its movies that were inserted
    because they are new. One statement.

    The commit does not wait for the disk: if PostgreSQL's machine fails, the log of the last second may be missing.
    Raises User.DoesNotExist if the person was deleted meanwhile.
    """
    row = [recommendation_id, user.pk, endpoint, model_version_id]
    row += [_array(movie_ids), _array(scores), _array(explored), request_id]
    try:
        with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(_SERVED, row)
    except IntegrityError as error:
        if isinstance(error.__cause__, ForeignKeyViolation):  # The log refers to nothing else.
            raise User.DoesNotExist from error
        raise


def _array(numbers: Sequence[float]) -> str:
    """An array literal of PostgreSQL: as text, several times as fast to build as the driver's array."""
    return "{" + ",".join(map(str, numbers)) + "}"
