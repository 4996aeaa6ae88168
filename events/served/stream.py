"""The stream of the log of served lists, in the Redis that caches lists: a look-up appends in its own round trip.

Beside it, each person has a sorted set of the ids of their newest lists, by time: it answers whom a list was shown to
before the list is in PostgreSQL, and which cached lists a deletion has to remove.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection

from events.served.entries import ServedList, Shown, list_fields, shown_fields

# How long a person's newest lists are known in Redis, and how many of them: longer than the writer takes.
KNOWN_SECONDS = 24 * 3600
MAX_KNOWN = 1000
# Entries that could not be read or written, newest first.
MAX_DEAD = 1000
# For scripts that show a list: appends a page's entry, in the form of entries.shown_fields.
SHOWN_LUA = """
local function log_shown(stream, most, id, user, start, count, request)
    redis.call('xadd', stream, 'MAXLEN', '~', most, '*',
        'id', id, 'user', user, 'start', start, 'count', count, 'request', request)
end
"""


def is_on() -> bool:
    """Whether served lists are logged at all."""
    return bool(settings.SERVED_LOG)


def stream_key() -> str:
    return str(cache.make_key("served-log"))


def dead_key() -> str:
    """A list of the entries that could not be read or written."""
    return str(cache.make_key("served-log:dead"))


def removed_key() -> str:
    """How many entries the writer has removed from the stream, in all: any other missing entry was trimmed."""
    return str(cache.make_key("served-log:removed"))


def known_lists_key(user_id: int) -> str:
    """A sorted set of the ids of the person's newest lists, by their time."""
    return str(cache.make_key(f"shown-lists:{user_id}"))


def deleted_key(user_id: int) -> str:
    """Set for a minute after the person was deleted."""
    return str(cache.make_key(f"deleted:{user_id}"))


def redis_client() -> Any:
    return get_redis_connection("default")


def queue_list(pipe: Any, served: ServedList) -> None:
    """Adds to a pipeline what logs the list."""
    pipe.xadd(stream_key(), list_fields(served), maxlen=settings.SERVED_STREAM_MAX, approximate=True)
    if served.user_id is not None:
        known = known_lists_key(served.user_id)
        pipe.zadd(known, {str(served.id): served.served_at.timestamp()})
        pipe.zremrangebyrank(known, 0, -MAX_KNOWN - 1)
        pipe.expire(known, KNOWN_SECONDS)


def queue_shown(pipe: Any, shown: Shown) -> None:
    """Adds to a pipeline what logs the page."""
    pipe.xadd(stream_key(), shown_fields(shown), maxlen=settings.SERVED_STREAM_MAX, approximate=True)


def known_lists(user_id: int) -> list[str]:
    """The ids of the person's newest lists. Raises RedisError."""
    return [list_id.decode() for list_id in redis_client().zrange(known_lists_key(user_id), 0, -1)]


def which_known(user_id: int, list_ids: list[UUID]) -> set[UUID]:
    """Those of the lists that are among the person's newest. One round trip. Raises RedisError."""
    times = redis_client().zmscore(known_lists_key(user_id), [str(list_id) for list_id in list_ids])
    return {list_id for list_id, at in zip(list_ids, times, strict=True) if at is not None}
