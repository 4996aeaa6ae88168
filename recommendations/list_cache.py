"""Each person's rendered list in Redis, for an hour, or until a stamp says that it may be wrong (events.list_stamp).

The value is lines: the stamps read before the list was computed, its head, then one line an item, all JSON already.
A hit is one round trip, and a shorter list is a slice.
"""

from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from events.list_stamp import all_stamp_key, user_stamp_key
from movies.stamps import settle

logger = structlog.get_logger(__name__)

# Changes when the shape of what is cached changes, so that a new release never reads an old one's lists.
_FORMAT = 1


class RenderedList(NamedTuple):
    """A list as it is sent: ``head`` is a JSON object without its closing brace, ``items`` are JSON objects."""

    head: bytes
    items: list[bytes]

    def body(self, limit: int) -> bytes:
        """The response: the head's fields and the first ``limit`` items."""
        return self.head + b',"items":[' + b",".join(self.items[:limit]) + b"]}"


class Lookup(NamedTuple):
    """What Redis knew: the list if it still holds, and the stamps to keep with a new one; none with Redis away."""

    found: RenderedList | None
    stamps: bytes | None


def lookup(user_id: int) -> Lookup:
    """The person's list, when it is there and both stamps are those it was computed under. One round trip."""
    if not settle():
        return Lookup(None, None)
    try:
        keys = [_key(user_id), user_stamp_key(user_id), all_stamp_key()]
        stored, own, everyones = get_redis_connection("default").mget(keys)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return Lookup(None, None)
    stamps = b"%b %b" % (own or b"-", everyones or b"-")
    if stored is None:
        return Lookup(None, stamps)
    lines = stored.split(b"\n")
    if lines[0] != stamps:
        return Lookup(None, stamps)
    return Lookup(RenderedList(lines[1], lines[2:]), stamps)


def keep(user_id: int, stamps: bytes | None, rendered: RenderedList) -> None:
    """Keeps a list under the stamps that stood before it was computed; nothing with Redis away."""
    if stamps is None:
        return
    value = b"\n".join([stamps, rendered.head, *rendered.items])
    try:
        get_redis_connection("default").set(_key(user_id), value, ex=settings.RECOMMENDATIONS_CACHE_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def _key(user_id: int) -> str:
    return str(cache.make_key(f"list:{_FORMAT}:{user_id}"))
