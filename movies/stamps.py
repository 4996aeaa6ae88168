"""Stamps in Redis that say when what was computed from the database stopped being true.

A stamp is a random token under a fixed key. Whoever caches something stores the tokens read **before** computing it;
it is valid only while they are still the same. So nothing ever has to be deleted, and what was computed during a
change is never served after it. Stamps are set after the change has committed.
"""

import contextlib
import itertools
import secrets
import threading
import time

import structlog
from django.core.cache import cache
from django.db import transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from movies.redis_breaker import urgent

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

# Keys whose stamp could not be set because Redis was away. Tried again before this process next trusts a stamp, and by
# a thread of its own: other processes may reach Redis before anybody asks this one.
# Each has the number of the change that owes it: a token set before that change does not pay for it.
_owed: dict[str, int] = {}
_changes = itertools.count()
_owed_lock = threading.Lock()
_delivery: threading.Thread | None = None
DELIVERY_SECONDS = 0.1


def stamp_key(name: str) -> str:
    """The Redis key of the stamp ``name``, with the cache's own prefix."""
    return str(cache.make_key(f"stamp:{name}"))


def stamp(name: str) -> None:
    """Sets the stamp ``name`` to a fresh token. With Redis away it logs, sets it once Redis answers, and does not
    raise."""
    with _owed_lock:
        _owed[stamp_key(name)] = next(_changes)
    with urgent():
        settled = settle()
    if not settled:
        _deliver_later()


def settle() -> bool:
    """Sets every stamp this process still owes; says whether none is owed any more."""
    try:
        _set_owed()
    except (RedisError, OSError) as error:
        logger.warning("stamp_not_set", keys=sorted(_owed), reason=type(error).__name__)
        return False
    return True


def _set_owed() -> None:
    for key, change in tuple(_owed.items()):
        get_redis_connection("default").set(key, secrets.token_hex(8), ex=STAMP_SECONDS)
        with _owed_lock:
            if _owed.get(key) == change:
                del _owed[key]


def _deliver_later() -> None:
    """Starts the thread that sets what is owed, where none runs."""
    global _delivery  # noqa: PLW0603 -- one a process.
    with _owed_lock:
        # After a fork the parent's thread counts as ended.
        if _delivery is None or not _delivery.is_alive():
            _delivery = threading.Thread(target=_deliver, name="stamps", daemon=True)
            _delivery.start()


def _deliver() -> None:
    global _delivery  # noqa: PLW0603 -- one a process.
    while True:
        time.sleep(DELIVERY_SECONDS)
        with urgent(), contextlib.suppress(RedisError, OSError):
            _set_owed()
        with _owed_lock:
            if not _owed:
                _delivery = None
                return


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
