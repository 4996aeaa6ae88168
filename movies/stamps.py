"""Stamps in Redis that say when what was computed from the database stopped being true.

A stamp is a random token under a fixed key. Whoever caches something stores the tokens read **before** computing it;
it is valid only while they are still the same. So nothing ever has to be deleted, and what was computed during a
change is never served after it. Stamps are set after the change has committed.
"""

import secrets

import structlog
from django.core.cache import cache
from django.db import transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

# Above the hour that a list is kept: a stamp that expires first could make an older list valid again.
STAMP_SECONDS = 2 * 3600
CATALOGUE = "all"
# A stamp as it stands, or begun. Key: the stamp. Arguments: a fresh token, for how many seconds.
BEGIN = """
local stamp = redis.call('get', KEYS[1])
if not stamp then
    stamp = ARGV[1]
    redis.call('set', KEYS[1], stamp, 'EX', ARGV[2])
end
return stamp
"""

# Keys whose stamp could not be set because Redis was away. Tried again before this process next trusts a stamp.
_owed: set[str] = set()


def stamp_key(name: str) -> str:
    """The Redis key of the stamp ``name``, with the cache's own prefix."""
    return str(cache.make_key(f"stamp:{name}"))


def stamp(name: str) -> None:
    """Sets the stamp ``name`` to a fresh token. With Redis away it logs and remembers, and does not raise."""
    _owed.add(stamp_key(name))
    settle()


def settle() -> bool:
    """Sets every stamp this process still owes; says whether none is owed any more."""
    try:
        for key in tuple(_owed):
            get_redis_connection("default").set(key, secrets.token_hex(8), ex=STAMP_SECONDS)
            _owed.discard(key)
    except (RedisError, OSError) as error:
        logger.warning("stamp_not_set", keys=sorted(_owed), reason=type(error).__name__)
        return False
    return True


def stamp_catalogue() -> None:
    """Says that every cached list may be wrong: a movie was published, hidden or deleted, or a model went live."""
    stamp(CATALOGUE)


def stamp_catalogue_on_commit() -> None:
    """The same, once the transaction this runs in has committed."""
    transaction.on_commit(stamp_catalogue)


def stamp_read(name: str) -> bytes | None:
    """The token of the stamp ``name``, for what is about to be computed and kept under it; None when none is to be
    trusted, which is while Redis is away.

    Where there is none it is set: "none" would look the same again after Redis had lost one.
    """
    if not settle():
        return None
    try:
        redis, key = get_redis_connection("default"), stamp_key(name)
        return redis.get(key) or redis.eval(BEGIN, 1, key, secrets.token_hex(8), STAMP_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("stamp_not_read", name=name, reason=type(error).__name__)
        return None


def stamp_forget(name: str) -> None:
    """Removes the stamp ``name``, of something that is gone with all that was kept under it. With Redis away it stays
    until it ends by itself."""
    key = stamp_key(name)
    _owed.discard(key)
    try:
        get_redis_connection("default").delete(key)
    except (RedisError, OSError) as error:
        logger.warning("stamp_not_forgotten", key=key, reason=type(error).__name__)
