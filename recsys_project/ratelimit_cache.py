"""The cache that django-ratelimit counts in, with one round trip to Redis a window instead of two."""

from typing import Any

import structlog
from django_redis.cache import RedisCache
from redis.commands.core import Script
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

# Key: the count. Argument: how many seconds it is kept from its first request on.
_COUNT = b"""
local count = redis.call('incr', KEYS[1])
if count == 1 then redis.call('expire', KEYS[1], ARGV[1]) end
return count
"""
# Sent once a server, then named by its hash; each call names the server.
_count = Script(None, _COUNT)  # type: ignore[arg-type]


class RatelimitCache(RedisCache):
    """django-ratelimit begins a count by ``add`` and, where there is one already, goes on by ``incr``. Here ``add``
    counts in both cases, and the ``incr`` that follows says what it came to.

    Django keeps a cache object for each thread, so nobody else counts in between. With Redis away ``incr`` gives None,
    which is django-ratelimit's sign for it, without trying once more.
    """

    _counted: tuple[str, int | None] | None = None

    def add(self, key: str, value: Any, timeout: Any = None, version: int | None = None, **options: Any) -> bool:
        """Counts where ``value`` is 1; says whether that was the first."""
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
        """The count after the ``add`` before; otherwise as Django's."""
        counted, self._counted = self._counted, None
        if counted is not None and counted[0] == key:
            return counted[1]
        return super().incr(key, delta, *args, **options)
