"""Redis, for lists and rate limits."""

from recsys_project.settings.environment import env, redis_addresses

REDIS_URL = redis_addresses.cache
# A Redis that does not answer must not hold up the requests that can do without it: seconds until it is given up.
_REDIS_TIMEOUT = env.float("REDIS_TIMEOUT_SECONDS", default=0.3)
_REDIS_OPTIONS = {
    "SOCKET_CONNECT_TIMEOUT": _REDIS_TIMEOUT,
    "SOCKET_TIMEOUT": _REDIS_TIMEOUT,
    # After a restart of Redis no list is trusted that was kept before it; while it hangs, few calls wait for it.
    "CONNECTION_POOL_CLASS": "movies.caching.redis_pool.RestartDetectingPool",
}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "recsys",
        "OPTIONS": {**_REDIS_OPTIONS},
    },
    # Rate limits have an alias of their own: with Redis gone, reads are let through.
    "ratelimit": {
        "BACKEND": "recsys_project.ratelimit_cache.RatelimitCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "ratelimit",
        "OPTIONS": {**_REDIS_OPTIONS, "IGNORE_EXCEPTIONS": True},
    },
}
