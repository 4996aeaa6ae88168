"""A cache in Redis for answers that are the same for everyone.

An entry is stamped with the catalogue's version token and the database's state as they were before it was computed. It
is valid until it expires or either of them changes.
"""

from collections.abc import Callable
from typing import TypeVar

import orjson
import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from events.list_invalidation import catalogue_token_key
from movies.caching.version_tokens import flush_pending
from recommendations.retrieval.database_state import state_under

logger = structlog.get_logger(__name__)

Value = TypeVar("Value")

# How many items of a list are cached: more than are shown, because some may be hidden before it expires.
MAX_CACHED = 150
# Increase it when the format of an entry changes, so that a new release never reads the entries of an old one.
_FORMAT = 2


def cached(name: str, seconds: int, compute: Callable[[], Value]) -> Value:
    """The answer of ``compute()``, which must be plain JSON, cached under ``name`` for at most ``seconds``.

    It is never older than the last change of the catalogue, or by at most a second if the change's token was not set.
    Without Redis every call computes it. One round trip to Redis, two if it computes.
    """
    if not flush_pending():
        return compute()
    try:
        # Read before computing, so that an answer computed during a change is never served after it.
        key = cache.make_key(f"short:{_FORMAT}:{name}")
        stored, token = get_redis_connection("default").mget([key, catalogue_token_key()])
        token = token or b"-"
        stamp = f"{token.decode()} {state_under(token).text.decode()}"
        if stored is not None:
            stored_stamp, value = orjson.loads(stored)
            if stored_stamp == stamp:
                return value
    except (RedisError, OSError) as error:
        logger.warning("stamped_cache_away", reason=type(error).__name__)
        return compute()
    value = compute()
    try:
        get_redis_connection("default").set(key, orjson.dumps([stamp, value]), ex=seconds)
    except (RedisError, OSError) as error:
        logger.warning("stamped_cache_away", reason=type(error).__name__)
    return value
