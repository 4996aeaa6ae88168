"""Records what people do, once each, and says at once that their list may be wrong."""

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
from accounts.selectors import user_hold
from events.kinds import KIND_TABLE, Kind
from events.list_invalidation import invalidate_user_on_commit
from events.models import FUTURE_TOLERANCE, MAX_RATING, MIN_RATING, Interaction, Rating
from movies.models import Movie

RATING_STEP = 0.5
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_SERVED = """
    WITH hurry AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO events_servedrecommendation
        (id, user_id, endpoint, model_version_id, movie_ids, scores, explored, request_id, served_at)
    SELECT %s, %s, %s, %s::bigint, %s::bigint[], %s::real[], %s::bigint[], %s, now() FROM hurry
"""


class EventConflictError(Exception):
    """An event id came again with other content."""


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
    """Stores one event; with a rating, also what the person thinks of the movie now, unless a newer rating stands.

    Returns the event and whether it is new: the same ``event_id`` with the same content is the stored event again.
    A time without a zone is UTC. One of the future, within FUTURE_TOLERANCE, is that of a clock ahead of ours and
    becomes the moment of receipt: kept as it is, it would be newer than what the person does next. Raises
    ValidationError naming the field, EventConflictError, or User.DoesNotExist where the person was deleted meanwhile;
    then nothing has changed. The person's cached list stops being valid when the transaction commits.
    """
    received_at = timezone.now()
    if occurred_at is not None and timezone.is_naive(occurred_at):
        occurred_at = occurred_at.replace(tzinfo=UTC)
    _check(kind, value, occurred_at, received_at)
    content = {"movie_id": movie_id, "kind": kind, "value": value, "recommendation_id": recommendation_id}
    if event_id is not None and (known := _known_event(user, event_id, content, occurred_at)) is not None:
        # A client sends an event again that nobody answered: who stored it may have died before it could say so.
        invalidate_user_on_commit(user.pk, known.pk)
        return known, False
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
            user_hold(user_id=user.pk)
            event.save()
            if value is not None:
                _rating_upsert(user, movie_id, value, event.occurred_at)
            invalidate_user_on_commit(user.pk, event.pk)
    except IntegrityError:
        # The same event came twice at once, and the other request won.
        known = _known_event(user, event.event_id, content, occurred_at)
        if known is None:
            raise
        invalidate_user_on_commit(user.pk, known.pk)
        return known, False
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
    """Logs a list that is about to be shown, best first; ``explored`` are those of its movies that stand there because
    they are new. One statement.

    It does not wait for the disk: when PostgreSQL's machine fails, the log of the last second may be missing. Raises
    User.DoesNotExist where the person was deleted meanwhile.
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
    """Numbers as PostgreSQL reads an array of them; in text, which is several times as fast to put together."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _check(kind: str, value: float | None, occurred_at: datetime | None, received_at: datetime) -> None:
    """Raises ValidationError naming the field that makes no sense."""
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


def _known_event(
    user: User, event_id: uuid.UUID, content: dict[str, Any], occurred_at: datetime | None
) -> Interaction | None:
    """The stored event of this id, if any. Raises EventConflictError if it says something else."""
    known = Interaction.objects.filter(user=user, event_id=event_id).first()
    if known is None:
        return None
    same = all(getattr(known, name) == given for name, given in content.items())
    # A client that gives no time means "now", which differs from one attempt to the next; one whose clock is ahead
    # gives the time that was clamped when the event first came.
    if not same or (occurred_at is not None and min(occurred_at, known.received_at) != known.occurred_at):
        raise EventConflictError(f"Event {event_id} is already stored with other content.")
    return known


def _rating_upsert(user: User, movie_id: int, value: float, rated_at: datetime) -> None:
    """Makes this the person's rating, unless theirs is newer; of two at one time the one sent later wins.

    A stored time of the future, as this machine's clock leaves behind when it is set back, is newer than nothing.
    """
    rating, created = Rating.objects.get_or_create(
        user=user, movie_id=movie_id, defaults={"value": value, "rated_at": rated_at}
    )
    if not created:
        older = Q(rated_at__lte=rated_at) | Q(rated_at__gt=timezone.now() + FUTURE_TOLERANCE)
        Rating.objects.filter(older, pk=rating.pk).update(value=value, rated_at=rated_at)
