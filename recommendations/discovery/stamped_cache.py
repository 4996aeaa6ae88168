"""A cache in Redis for responses that are the same for everyone.

An entry is stored with a stamp: the catalogue's version token, the database's state, and when a rule of staff or a
window of availability last began or ended, read before the entry was computed. It is valid until it expires or the
stamp changes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import orjson
import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from events.list_invalidation import catalogue_token_key
from movies.availability import days
from movies.caching.version_tokens import flush_pending
from recommendations.curation.active import active_curation
from recommendations.retrieval.database_state import state_under

logger = structlog.get_logger(__name__)

Value = TypeVar("Value")

# The maximum number of items cached per list: more than a response has, because movies may be hidden before it expires.
MAX_CACHED = 150
# Increase it when the format of an entry changes, so that a new release never reads the entries of an old one.
_FORMAT = 3
_expiries: ContextVar[list[float] | None] = ContextVar("expiries", default=None)


@contextmanager
def noting_expiries() -> Iterator[list[float]]:
    """When what ``cached`` returns in this block expires (time.time); 0.0 for what it could not cache."""
    expiries: list[float] = []
    current = _expiries.set(expiries)
    try:
        yield expiries
    finally:
        _expiries.reset(current)


def cached(name: str, seconds: int, compute: Callable[[], Value]) -> Value:
    """The result of ``compute()``, which must be plain JSON, cached under ``name`` for at most ``seconds``.

    A change of the catalogue invalidates it at once, or within a second if the change's token was not set. With Redis
    away every call computes. One round trip to Redis, two if it computes.
    """
    if not flush_pending():
        _note(0.0)
        return compute()
    try:
        # Read before computing, so that a result computed during a change is never served after it.
        key = cache.make_key(f"short:{_FORMAT}:{name}")
        stored, token = get_redis_connection("default").mget([key, catalogue_token_key()])
        token = token or b"-"
        state = state_under(token)
        curation, now = active_curation(state), days.now()
        stamp = f"{token.decode()} {state.text.decode()}{curation.token(now)}"
        # Nothing that is held elsewhere outlives a rule or window that begins or ends by the clock.
        changes = curation.next_moment(now)
        if stored is not None:
            stored_stamp, expires, value = orjson.loads(stored)
            if stored_stamp == stamp:
                _note(min(expires, changes))
                return value
    except (RedisError, OSError) as error:
        logger.warning("stamped_cache_away", reason=type(error).__name__)
        _note(0.0)
        return compute()
    value, expires = compute(), time.time() + seconds
    _note(min(expires, changes))
    try:
        get_redis_connection("default").set(key, orjson.dumps([stamp, expires, value]), ex=seconds)
    except (RedisError, OSError) as error:
        logger.warning("stamped_cache_away", reason=type(error).__name__)
    return value


def _note(expires: float) -> None:
    if (expiries := _expiries.get()) is not None:
        expiries.append(expires)
