"""Each person's rendered list in Redis, for an hour, or until a stamp says that it may be wrong (events.list_stamp).

The value is lines: the stamps read before the list was computed and until when it is fresh, its head, its reckoning,
then one line an item, all JSON already. A hit is one round trip, and a shorter list is a slice. Beside it the same list
stands under its recommendation id for as long, so that its next pages are its own whatever happens meanwhile.
"""

import random
import secrets
import time
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
_FORMAT = 2
# An hour for some is 54 minutes for others, so that lists made together do not all end together.
_JITTER = 0.1
# For so long after its hour a list may still be shown to others while one request makes the next.
STALE_SECONDS = 300
# One request computes; the others wait for it this long, then compute for themselves.
FLIGHT_SECONDS = 5.0
_POLL_SECONDS = 0.02
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RenderedList(NamedTuple):
    """A list as it is sent: ``head`` is a JSON object without its closing brace, ``items`` are JSON objects, as is
    ``reckoning``, which says how the list came about."""

    head: bytes
    reckoning: bytes
    items: list[bytes]

    def body(self, start: int, stop: int, tail: bytes = b"") -> bytes:
        """The response: the head's fields, the items from ``start`` to before ``stop``, and ``tail`` (more fields)."""
        return self.head + b',"items":[' + b",".join(self.items[start:stop]) + b"]" + tail + b"}"


class Lookup(NamedTuple):
    """What Redis knew: the list if it still holds, and the stamps to keep with a new one; none with Redis away.

    stale: the list is past its hour, though nothing has happened since.
    """

    found: RenderedList | None
    stamps: bytes | None
    stale: bool = False


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
    return Lookup(RenderedList(lines[2], lines[3], lines[4:]), stamps, stale=time.time() > float(lines[1]))


def keep(user_id: int, stamps: bytes | None, rendered: RenderedList) -> None:
    """Keeps a list under the stamps that stood before it was computed; nothing with Redis away."""
    if stamps is None:
        return
    fresh = settings.RECOMMENDATIONS_CACHE_SECONDS * (1 - _JITTER * random.random())
    until = b"%.0f" % (time.time() + fresh)
    value = b"\n".join([stamps, until, rendered.head, rendered.reckoning, *rendered.items])
    try:
        get_redis_connection("default").set(_key(user_id), value, ex=int(fresh) + STALE_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def keep_snapshot(recommendation_id: str, rendered: RenderedList) -> bool:
    """Keeps a list for its next pages, whatever happens meanwhile; says whether it is kept."""
    value = b"\n".join([rendered.head, rendered.reckoning, *rendered.items])
    try:
        seconds = settings.RECOMMENDATIONS_CACHE_SECONDS + STALE_SECONDS
        return bool(get_redis_connection("default").set(_snapshot_key(recommendation_id), value, ex=seconds))
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return False


def snapshot(recommendation_id: str) -> RenderedList | None:
    """The list of that id while it is kept."""
    try:
        stored = get_redis_connection("default").get(_snapshot_key(recommendation_id))
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return None
    if stored is None:
        return None
    lines = stored.split(b"\n")
    return RenderedList(lines[0], lines[1], lines[2:])


def flight_begin(user_id: int, stamps: bytes | None) -> str | None:
    """A token when this request is the one to compute the list under these stamps; None when another already does.

    An event changes the stamps and so begins a flight of its own: nobody waits for a list that is wrong already. With
    Redis away everyone computes.
    """
    token = secrets.token_hex(8)
    if stamps is None:
        return token
    try:
        client = get_redis_connection("default")
        won = client.set(_flight_key(user_id, stamps), token, nx=True, px=int(FLIGHT_SECONDS * 1000))
    except (RedisError, OSError):
        return token
    return token if won else None


def flight_end(user_id: int, stamps: bytes | None, token: str) -> None:
    """Lets the next request compute; a flight that took too long ends nobody else's."""
    if stamps is None:
        return
    try:
        get_redis_connection("default").eval(_RELEASE, 1, _flight_key(user_id, stamps), token)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def flight_wait(user_id: int, stamps: bytes | None) -> RenderedList | None:
    """The list that another request is computing under the same stamps; None when it did not come in time."""
    ends = time.monotonic() + FLIGHT_SECONDS / 2
    while time.monotonic() < ends:
        time.sleep(_POLL_SECONDS)
        again = lookup(user_id)
        if again.found is not None:
            return again.found
        if again.stamps != stamps:
            return None
    return None


def _key(user_id: int) -> str:
    return str(cache.make_key(f"list:{_FORMAT}:{user_id}"))


def _snapshot_key(recommendation_id: str) -> str:
    return str(cache.make_key(f"served:{_FORMAT}:{recommendation_id}"))


def _flight_key(user_id: int, stamps: bytes) -> str:
    return str(cache.make_key(f"flight:{user_id}:{stamps.decode()}"))
