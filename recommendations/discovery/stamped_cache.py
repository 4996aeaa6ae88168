"""What is the same for everyone and costly to compute, in Redis for a short while, or until the catalogue changes."""

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

# What is kept of a list that is the same for everyone: more than is shown, because some will be hidden since.
MAX_CACHED = 150
# Changes when the shape of what is cached changes, so that a new release never reads an old one's answers.
_FORMAT = 2


def cached(name: str, seconds: int, compute: Callable[[], Value]) -> Value:
    """``compute()``'s answer, of plain JSON, at most ``seconds`` old and never older than the catalogue's last change,
    or by a second where nobody could announce that.

    With Redis away it computes each time.
    """
    if not flush_pending():
        return compute()
    try:
        # Kept with the token and the state read before computing: what was computed during a change is never served
        # after it.
        key = cache.make_key(f"short:{_FORMAT}:{name}")
        stored, token = get_redis_connection("default").mget([key, catalogue_token_key()])
        token = token or b"-"
        under = f"{token.decode()} {state_under(token).text.decode()}"
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
