"""Which lists a person was shown."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import User
from events.served.list_ids import time_of
from events.served.stream import KNOWN_SECONDS, is_on, which_known

logger = structlog.get_logger(__name__)

# An id names its partition; only ids from before they were of version 7 are looked for in every one.
_SHOWN = """
    SELECT list.id FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) wanted (id, at)
    JOIN events_servedrecommendation list ON list.id = wanted.id AND list.served_at = wanted.at
    WHERE list.user_id = %(user)s
    UNION ALL
    SELECT id FROM events_servedrecommendation WHERE id = ANY(%(old_ids)s::uuid[]) AND user_id = %(user)s
"""
_AHEAD = timedelta(minutes=5)


class ShownLists(NamedTuple):
    """Which lists were shown to a person.

    shown: those that were; undecided: those of which nobody knows, because Redis does not answer and they may be in the
    stream still, or because SERVED_LOG is off. Any other was not.
    """

    shown: set[UUID]
    undecided: set[UUID]


def lists_shown_to(user: User, ids: Collection[UUID]) -> ShownLists:
    """Which of these lists were shown to this person: their own, not a guest's. One round trip; one query at most.

    Redis knows a person's newest lists of a day, PostgreSQL all that the writer has written.
    """
    wanted = set(ids)
    if not wanted or not is_on():
        return ShownLists(set(), wanted)
    away = False
    shown: set[UUID] = set()
    try:
        shown = which_known(user.pk, sorted(wanted))
    except (RedisError, OSError) as error:
        logger.warning("shown_lists_away", reason=type(error).__name__)
        away = True
    if wanted - shown:
        shown |= _written(user.pk, wanted - shown)
    now = timezone.now()
    return ShownLists(shown, {each for each in wanted - shown if _may_wait(each, now)} if away else set())


def _written(user_id: int, ids: Collection[UUID]) -> set[UUID]:
    times = {list_id: time_of(list_id) for list_id in ids}
    timed = {list_id: at for list_id, at in times.items() if at is not None}
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        values = {"ids": list(timed), "times": list(timed.values()), "old_ids": list(times.keys() - timed.keys())}
        cursor.execute(_SHOWN, {**values, "user": user_id})
        return {list_id for (list_id,) in cursor.fetchall()}


def _may_wait(list_id: UUID, now: datetime) -> bool:
    """Whether the list is young enough to be in the stream still."""
    at = time_of(list_id)
    return at is not None and now - timedelta(seconds=KNOWN_SECONDS) < at < now + _AHEAD
