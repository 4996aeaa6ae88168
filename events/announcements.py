"""Announces changes whose cache version token was not set: their process died after the commit, or Redis was away.

Setting the token for an event also adds the event's id to a set in Redis (movies.caching.version_tokens), in the same
round trip. An event whose id is missing there was not announced; neither clocks nor the order of ids decide, so an
event that commits late is found like any other. What staff change about a person leaves a CacheInvalidation. The
catalogue and the live version need no sweep: each look-up of a list compares their state in PostgreSQL
(recommendations.retrieval.database_state).
"""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from events.event_metrics import observe_visible
from events.list_invalidation import invalidate_users
from events.models import Interaction
from movies.caching.version_tokens import AVAILABILITY, CATALOGUE, TOKEN_SECONDS, announced_key, invalidate_each
from movies.models import CacheInvalidation

logger = structlog.get_logger(__name__)

# A sweep reads the events of this long before the last sweep again: for slow transactions, and clocks that differ
# between machines.
_OVERLAP = timedelta(seconds=60)
# An event received less than this ago may be about to be announced.
_GRACE = timedelta(seconds=5)
_BATCH_SIZE = 5000
# With more unannounced events than this, an import for example, one token makes all lists invalid.
_MAX_UNANNOUNCED = 10_000
_TOKENS_NOT_SET = "the tokens were not set"
# Changes that each look-up of a list compares.
_IN_THE_STATE = (CATALOGUE, AVAILABILITY)
# Tokens of old changes become one row of each name with the same meaning. One statement, so that no reader sees a state
# in between.
_MERGED_AFTER = timedelta(hours=1)
_MERGE = """
    WITH old AS (
        DELETE FROM movies_cacheinvalidation change
        WHERE name = ANY(%(names)s) AND created_at < %(before)s AND 1 < (
            SELECT count(*) FROM movies_cacheinvalidation other
            WHERE other.name = change.name AND created_at < %(before)s
        )
        RETURNING name, token
    )
    INSERT INTO movies_cacheinvalidation (name, token, created_at)
    SELECT name, bit_xor(token), %(now)s FROM old GROUP BY name
"""


def changes_announce() -> int:
    """Announces changes that were committed and not announced; returns how many. If Redis does not answer, logs that
    and does nothing: the next sweep reads from the last successful one on.

    A few queries and round trips if nothing was lost.
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
    """Merges the catalogue's changes of more than an hour ago into one row, and those of availability into another."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, {"names": list(_IN_THE_STATE), "before": now - _MERGED_AFTER, "now": now})


def _recorded_announce() -> int:
    """Announces the recorded changes of people, some perhaps for the second time; returns how many."""
    with transaction.atomic():
        changes = CacheInvalidation.objects.exclude(name__in=_IN_THE_STATE).select_for_update(skip_locked=True)
        found = list(changes.values_list("pk", "name"))
        if not invalidate_each((name, "") for _, name in found):
            raise RedisConnectionError(_TOKENS_NOT_SET)
        CacheInvalidation.objects.filter(pk__in=[pk for pk, _ in found]).delete()
    return len(found)


def _events_announce() -> int:
    """Announces the events whose id is missing in Redis; returns how many."""
    redis: Any = get_redis_connection("default")
    started = timezone.now()
    swept = redis.get(_swept_key())
    if swept is None:
        # No sweep ran for as long as a list is cached, or Redis lost its data: one token invalidates all lists, while
        # looking up the marks of a million events would take a minute.
        if not invalidate_each([(CATALOGUE, "")]):
            raise RedisConnectionError(_TOKENS_NOT_SET)
        _sweep_record(redis, started)
        return 0
    since = min(started, datetime.fromtimestamp(float(swept), UTC))
    lost = 0
    received = Interaction.objects.filter(received_at__gt=since - _OVERLAP, received_at__lte=started - _GRACE)
    rows = received.order_by("received_at").values_list("pk", "user_id", "received_at").iterator(chunk_size=_BATCH_SIZE)
    while batch := list(islice(rows, _BATCH_SIZE)):
        marks = redis.zmscore(announced_key(), [str(pk) for pk, _, _ in batch])
        unmarked = [row for row, mark in zip(batch, marks, strict=True) if mark is None]
        lost += len(unmarked)
        if lost > _MAX_UNANNOUNCED:
            if not invalidate_each([(CATALOGUE, "")]):
                raise RedisConnectionError(_TOKENS_NOT_SET)
            break
        if not invalidate_users((pk, user_id) for pk, user_id, _ in unmarked):
            raise RedisConnectionError(_TOKENS_NOT_SET)
        observe_visible([received_at for _, _, received_at in unmarked])
    _sweep_record(redis, started)
    return lost


def _sweep_record(redis: Any, started: datetime) -> None:
    """Stores where the next sweep begins, and drops the marks of events that it will not read."""
    redis.set(_swept_key(), f"{started.timestamp():.3f}", ex=TOKEN_SECONDS)
    redis.zremrangebyscore(announced_key(), "-inf", (started - _OVERLAP).timestamp())


def _swept_key() -> str:
    return str(cache.make_key("announced:swept"))
