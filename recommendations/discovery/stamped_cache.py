"""What is the same for everyone and dear to compute, in Redis for a short while, or until the catalogue changes."""

from collections.abc import Callable
from typing import TypeVar

import orjson
import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from events.list_stamp import catalogue_stamp_key
from movies.caching.stamps import settle
from recommendations.retrieval.database_state import state_under

logger = structlog.get_logger(__name__)

Value = TypeVar("Value")

# What is kept of a list that is the same for everyone: more than is shown, because some will be hidden since.
MAX_CACHED = 150
# Changes when the shape of what is cached changes, so that a new release never reads an old one's answers.
_FORMAT = 2


def remembered(name: str, seconds: int, compute: Callable[[], Value]) -> Value:
    """``compute()``'s answer, of plain JSON, at most ``seconds`` old and never older than the catalogue's last change,
    or by a second where nobody could announce that.

    With Redis away it computes each time.
    """
    if not settle():
        return compute()
    try:
        # Kept with the stamp and the state read before computing: what was computed during a change is never served
        # after it.
        key = cache.make_key(f"short:{_FORMAT}:{name}")
        stored, stamp = get_redis_connection("default").mget([key, catalogue_stamp_key()])
        stamp = stamp or b"-"
        under = f"{stamp.decode()} {state_under(stamp).text.decode()}"
        if stored is not None:
            known, value = orjson.loads(stored)
            if known == under:
                return value
    except (RedisError, OSError) as error:
        logger.warning("short_cache_away", reason=type(error).__name__)
        return compute()
    value = compute()
    try:
        get_redis_connection("default").set(key, orjson.dumps([under, value]), ex=seconds)
    except (RedisError, OSError) as error:
        logger.warning("short_cache_away", reason=type(error).__name__)
    return value
