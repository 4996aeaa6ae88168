"""Records each event once, invalidates the person's cached list, and logs served lists."""

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg.errors import ForeignKeyViolation

from accounts.models import User
from accounts.privacy.pausing import user_lock_to_record
from events.kinds import KIND_TABLE, Kind
from events.list_invalidation import invalidate_user_on_commit
from events.models import FUTURE_TOLERANCE, MAX_RATING, MIN_RATING, Interaction, Rating
from movies.models import Movie

RATING_STEP = 0.5
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
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
) -> tuple[Interaction, bool]:
    """Stores one event; for a rating, also updates the person's rating of the movie, unless theirs is newer.

    Returns the event and whether it is new: the same ``event_id`` with the same content returns the stored event.
    A time without a zone is UTC. A time in the future, within FUTURE_TOLERANCE, comes from a clock ahead of ours and
    becomes the moment of receipt: unchanged, it would be newer than what the person does next. Raises
    ValidationError naming the field, EventConflictError, PersonalisationPausedError, or User.DoesNotExist if the person
    was deleted meanwhile; then nothing has changed. The person's cached list becomes invalid when the transaction
    commits.
    """
    received_at = timezone.now()
    if occurred_at is not None and timezone.is_naive(occurred_at):
        occurred_at = occurred_at.replace(tzinfo=UTC)
    _check(kind, value, occurred_at, received_at)
    content = {"movie_id": movie_id, "kind": kind, "value": value, "recommendation_id": recommendation_id}
    if event_id is not None and (stored := _stored_event(user, event_id, content, occurred_at)) is not None:
        # A client resends an event that got no answer: the process that stored it may have died before it invalidated
        # the list.
        invalidate_user_on_commit(user.pk, stored.pk)
        return stored, False
    if not Movie.objects.filter(pk=movie_id, status=Movie.Status.PUBLISHED).exists():
        raise ValidationError({"movie": f"There is no published movie {movie_id}."})
    event = Interaction(
        user=user,
        event_id=event_id or uuid.uuid4(),
        occurred_at=min(occurred_at or received_at, received_at),
        received_at=received_at,
        **content,
    )
    try:
        with transaction.atomic():
            user_lock_to_record(user_id=user.pk)
            event.save()
            if value is not None:
                _rating_upsert(user, movie_id, value, event.occurred_at)
            invalidate_user_on_commit(user.pk, event.pk)
    except IntegrityError:
        # The same event came in two requests at once, and the other one stored it.
        stored = _stored_event(user, event.event_id, content, occurred_at)
        if stored is None:
            raise
        invalidate_user_on_commit(user.pk, stored.pk)
        return stored, False
    return event, True


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


def _check(kind: str, value: float | None, occurred_at: datetime | None, received_at: datetime) -> None:
    """Raises ValidationError naming the invalid field."""
    if kind not in KIND_TABLE:
        raise ValidationError({"kind": f"One of {', '.join(KIND_TABLE)}."})
    if kind == Kind.RATING:
        if value is None:
            raise ValidationError({"value": "A rating needs a value."})
        if not (math.isfinite(value) and MIN_RATING <= value <= MAX_RATING and (value / RATING_STEP).is_integer()):
            raise ValidationError({"value": f"From {MIN_RATING} to {MAX_RATING} in steps of {RATING_STEP}."})
    elif value is not None:
        raise ValidationError({"value": f"Only a rating has a value, not a {kind}."})
    if occurred_at is not None and occurred_at > received_at + FUTURE_TOLERANCE:
        raise ValidationError({"occurred_at": "This is in the future."})
    if occurred_at is not None and occurred_at < EARLIEST:
        raise ValidationError({"occurred_at": f"Nothing is recorded from before {EARLIEST.year}."})


def _stored_event(
    user: User, event_id: uuid.UUID, content: dict[str, Any], occurred_at: datetime | None
) -> Interaction | None:
    """The stored event of this id, if any. Raises EventConflictError if its content differs."""
    stored = Interaction.objects.filter(user=user, event_id=event_id).first()
    if stored is None:
        return None
    same = all(getattr(stored, name) == given for name, given in content.items())
    # A client that sends no time means "now", which differs between attempts; one whose clock is ahead sends the time
    # that was clamped when the event first came.
    if not same or (occurred_at is not None and min(occurred_at, stored.received_at) != stored.occurred_at):
        raise EventConflictError(f"Event {event_id} is already stored with other content.")
    return stored


def _rating_upsert(user: User, movie_id: int, value: float, rated_at: datetime) -> None:
    """Makes this the person's rating, unless theirs is newer; of two at one time the one received later counts.

    A stored time in the future, which remains when this machine's clock is set back, never counts as newer.
    """
    rating, created = Rating.objects.get_or_create(
        user=user, movie_id=movie_id, defaults={"value": value, "rated_at": rated_at}
    )
    if not created:
        older = Q(rated_at__lte=rated_at) | Q(rated_at__gt=timezone.now() + FUTURE_TOLERANCE)
        Rating.objects.filter(older, pk=rating.pk).update(value=value, rated_at=rated_at)
