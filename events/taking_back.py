"""Takes events back: they stay in the table, and count for nothing."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from accounts.selectors import user_lock_shared
from events.kinds import Kind
from events.list_invalidation import invalidate_user_on_commit
from events.models import Interaction
from events.new_events import BEFORE
from events.rating_ledger import RatingChange, ratings_keep, ratings_restore

# Whether the event ``given`` comes late: a stored undo of its kind is newer, so it is taken back already. To people, a
# watch and a part that was watched are one kind.
COMES_LATE = """
    EXISTS (
        SELECT FROM events_interaction later
        WHERE later.undo AND later.user_id = given.user_id AND later.movie_id = given.movie_id
            AND later.kind = CASE given.kind WHEN 'partial' THEN 'watch' ELSE given.kind END
            AND later.occurred_at > given.occurred_at
    )
"""
# An undo of a watch takes the parts back, too. A rating from before the events is taken back only where no other is.
_TAKE_BACK = """
    WITH earlier AS (
        SELECT event.id, event.source, undo.id AS undo_id
        FROM events_interaction undo JOIN events_interaction event
            ON event.user_id = undo.user_id AND event.movie_id = undo.movie_id
            AND (event.kind = undo.kind OR (undo.kind = 'watch' AND event.kind = 'partial'))
            AND (event.occurred_at, event.id) < (undo.occurred_at, undo.id)
        WHERE undo.id = ANY(%(undos)s::bigint[]) AND event.undone_at IS NULL
    ), taken AS (
        SELECT id FROM events_interaction WHERE id IN (
            SELECT id FROM earlier
            WHERE source <> %(before)s OR NOT EXISTS (
                SELECT FROM earlier other WHERE other.undo_id = earlier.undo_id AND other.source <> %(before)s
            )
        ) ORDER BY id FOR UPDATE
    )
    UPDATE events_interaction event SET undone_at = %(at)s FROM taken WHERE event.id = taken.id RETURNING event.id
"""


class NoSuchEventError(Exception):
    """The person has no event of this id."""


def events_take_back(*, undo_ids: Sequence[int], at: datetime) -> set[int]:
    """Takes back, for each undo, the person's earlier events of its movie and kind. Returns their ids.

    One statement.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_TAKE_BACK, {"undos": list(undo_ids), "at": at, "before": BEFORE})
        return {pk for (pk,) in cursor.fetchall()}


def event_take_back(*, user: User, event_id: uuid.UUID) -> None:
    """Takes back this one event of the person, for good; nothing happens if it was taken back already.

    The person's rating becomes the newest one that stands. Raises NoSuchEventError, and User.DoesNotExist if the person
    was deleted meanwhile. The person's cached list becomes invalid when the transaction commits.
    """
    now = timezone.now()
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        event = Interaction.objects.filter(user=user, event_id=event_id).first()
        if event is None:
            raise NoSuchEventError
        if event.undone_at is None:
            _take_back_one(event, now)
        # Also when nothing changed: the process that took it back may have died before the list became invalid.
        invalidate_user_on_commit(user.pk)


def _take_back_one(event: Interaction, at: datetime) -> None:
    rating = event.kind == Kind.RATING
    if rating:
        # Locks the rating; one that came later, without an event, stays as it is.
        ratings_keep([RatingChange(event.user_id, event.movie_id, event.value, event.occurred_at)], at=at)
    Interaction.objects.filter(pk=event.pk, undone_at=None).update(undone_at=at)
    if rating:
        ratings_restore([(event.user_id, event.movie_id)], at=at)
