"""Announces changes whose cache version token was not set: their process died after the commit, or Redis was away.

Setting the token for an event also adds the event's id to a set in Redis (movies.caching.version_tokens), in the same
round trip. An event whose id is missing there was not announced; neither clocks nor the order of ids decide, so an
event that commits late is found like any other. What staff change about a person leaves a CacheInvalidation. The
catalogue and the live version need no sweep: each look-up of a list compares their state in PostgreSQL
(recommendations.retrieval.database_state).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from events.list_invalidation import invalidate_users
from events.models import Interaction
from movies.caching.version_tokens import CATALOGUE, TOKEN_SECONDS, announced_key, invalidate_each
from movies.models import CacheInvalidation

logger = structlog.get_logger(__name__)

# Events received up to so long before the last sweep are looked at again: for transactions that took their time, and
# clocks that differ from one machine to the next.
_OVERLAP = timedelta(seconds=60)
# An event received a moment ago may be about to be announced.
_UNDERWAY = timedelta(seconds=5)
_BLOCK = 5000
_AWAY = "the tokens were not set"
# Tokens of old changes become one row of the same meaning. One statement: nobody sees a state in between.
_MERGED_AFTER = timedelta(hours=1)
_MERGE = """
    WITH old AS (
        DELETE FROM movies_cacheinvalidation
        WHERE name = %(name)s AND created_at < %(before)s
        AND 1 < (SELECT count(*) FROM movies_cacheinvalidation WHERE name = %(name)s AND created_at < %(before)s)
        RETURNING token
    )
    INSERT INTO movies_cacheinvalidation (name, token, created_at)
    SELECT %(name)s, bit_xor(token), %(now)s FROM old HAVING count(*) > 0
"""


def changes_announce() -> int:
    """Announces what was committed and not announced; says how many changes that were. With Redis away it logs and
    does nothing: the next sweep looks as far back as the last one that succeeded.

    A few queries and round trips where nothing was lost.
    """
    try:
        count = _recorded_announce() + _events_announce()
    except (RedisError, OSError) as error:
        logger.warning("changes_not_announced", reason=type(error).__name__)
        return 0
    changes_merge()
    if count:
        logger.warning("changes_announced_late", changes=count)
    return count


def changes_merge() -> None:
    """Makes one row of the catalogue's changes of more than an hour ago."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, {"name": CATALOGUE, "before": now - _MERGED_AFTER, "now": now})


def _recorded_announce() -> int:
    """Changes that staff made about people; each is announced once more if it was before."""
    with transaction.atomic():
        changes = CacheInvalidation.objects.exclude(name=CATALOGUE).select_for_update(skip_locked=True)
        found = list(changes.values_list("pk", "name"))
        if not invalidate_each((name, "") for _, name in found):
            raise RedisConnectionError(_AWAY)
        CacheInvalidation.objects.filter(pk__in=[pk for pk, _ in found]).delete()
    return len(found)


def _events_announce() -> int:
    redis: Any = get_redis_connection("default")
    started = timezone.now()
    swept = redis.get(_swept_key())
    if swept is None:
        # Nobody swept for as long as a list is kept, or Redis lost what it knew: one token ends all lists, where
        # looking for marks would take a minute for a million events.
        if not invalidate_each([(CATALOGUE, "")]):
            raise RedisConnectionError(_AWAY)
        _swept(redis, started)
        return 0
    since = min(started, datetime.fromtimestamp(float(swept), UTC))
    lost = 0
    received = Interaction.objects.filter(received_at__gt=since - _OVERLAP, received_at__lte=started - _UNDERWAY)
    rows = list(received.order_by("received_at").values_list("pk", "user_id"))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        marks = redis.zmscore(announced_key(), [str(pk) for pk, _ in block])
        unmarked = [row for row, mark in zip(block, marks, strict=True) if mark is None]
        if not invalidate_users(unmarked):
            raise RedisConnectionError(_AWAY)
        lost += len(unmarked)
    _swept(redis, started)
    return lost


def _swept(redis: Any, started: datetime) -> None:
    """Remembers where the next sweep begins, and drops the marks of events that it does not look at."""
    redis.set(_swept_key(), f"{started.timestamp():.3f}", ex=TOKEN_SECONDS)
    redis.zremrangebyscore(announced_key(), "-inf", (started - _OVERLAP).timestamp())


def _swept_key() -> str:
    return str(cache.make_key("announced:swept"))
