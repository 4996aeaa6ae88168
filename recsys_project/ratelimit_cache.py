"""django-ratelimit's cache, with one round trip to Redis per window instead of two."""

from typing import Any

import structlog
from django_redis.cache import RedisCache
from redis.commands.core import Script
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

# Key: the count. Argument: seconds until it expires, from its first request on.
_COUNT = b"""
local count = redis.call('incr', KEYS[1])
if count == 1 then redis.call('expire', KEYS[1], ARGV[1]) end
return count
"""
# Sent once per server, then called by its hash; each call passes the client.
_count = Script(None, _COUNT)  # type: ignore[arg-type]


class RatelimitCache(RedisCache):
    """django-ratelimit starts a count with ``add`` and, if there is one already, increments it with ``incr``. Here
    ``add`` counts in both cases, and the ``incr`` that follows returns its result.

    Django has one cache object per thread, so no other call comes between the two. If Redis is unavailable, ``incr``
    returns None, which django-ratelimit treats as such, without another round trip.
    """

    _counted: tuple[str, int | None] | None = None

    def add(self, key: str, value: Any, timeout: Any = None, version: int | None = None, **options: Any) -> bool:
        """Counts if ``value`` is 1; returns whether this was the first request."""
        if value != 1 or not timeout:
            return bool(super().add(key, value, timeout=timeout, version=version, **options))
        try:
            client = self.client.get_client(write=True)
            count = int(_count([self.make_key(key, version=version)], [int(timeout)], client=client))
        except (RedisError, OSError) as error:
            logger.warning("rate_not_counted", reason=type(error).__name__)
            self._counted = key, None
            return False
        self._counted = key, count
        return count == 1

    def incr(self, key: str, delta: int = 1, *args: Any, **options: Any) -> int | None:
        """The count of the preceding ``add``; otherwise like Django's ``incr``."""
        counted, self._counted = self._counted, None
        if counted is not None and counted[0] == key:
            return counted[1]
        return super().incr(key, delta, *args, **options)
