"""Redis, for lists and rate limits."""

from recsys_project.settings.environment import env, redis_addresses

REDIS_URL = redis_addresses.cache
# Seconds to wait for Redis. Short, since most requests can be answered without it.
REDIS_TIMEOUT = env.float("REDIS_TIMEOUT_SECONDS", default=0.2)
_REDIS_OPTIONS = {
    "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT,
    "SOCKET_TIMEOUT": REDIS_TIMEOUT,
    # Invalidates lists that were cached before a restart of Redis; limits the calls that wait while Redis hangs.
    "CONNECTION_POOL_CLASS": "movies.caching.redis_pool.RestartDetectingPool",
}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "recsys",
        "OPTIONS": {**_REDIS_OPTIONS},
    },
    # A cache of its own for rate limits, which ignores errors: without Redis, reads are allowed.
    "ratelimit": {
        "BACKEND": "recsys_project.ratelimit_cache.RatelimitCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ratelimit",
        "OPTIONS": {**_REDIS_OPTIONS, "IGNORE_EXCEPTIONS": True},
    },
}
