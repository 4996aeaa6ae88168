"""Cache version tokens in Redis: they say when what was computed from the database stopped being true.

A token is random, under a fixed key. Whoever caches something stores the tokens read **before** computing it; it is
valid only while they are still the same. So nothing has to be deleted, and what was computed during a change is never
served after it. A change sets a new token after it has committed.

A process may die between the commit and the token, or Redis may be away. So a change also leaves a trace in PostgreSQL,
in its own transaction: a CacheInvalidation, which readers compare with what they were made from
(recommendations.retrieval.database_state) and a sweep announces (events.announcements); or, for an event, its own row,
for which the sweep finds no mark in Redis.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Collection, Iterable
from itertools import count, islice

import structlog
from django.apps import apps
from django.core.cache import cache
from django.db import transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from movies.caching.redis_breaker import urgent

logger = structlog.get_logger(__name__)

# Above the hour that a list is kept: a token that expires first could make an older list valid again.
TOKEN_SECONDS = 2 * 3600
CATALOGUE = "all"
# A token as it stands, or begun. Key: the token. Arguments: a fresh token, for how many seconds.
BEGIN = """
local token = redis.call('get', KEYS[1])
if not token then
    token = ARGV[1]
    redis.call('set', KEYS[1], token, 'EX', ARGV[2])
end
return token
"""

# The changes that reached Redis, each with the time it did: a sorted set.
ANNOUNCED = "announced"

# Names of tokens to set, each with the mark of its change or "" and a number of its own: what another thread adds while
# the same name is on its way is another change. Those that Redis did not take stay. They are tried again before this
# process next trusts a token, and by a thread of its own: other processes may reach Redis before anybody asks this one.
_pending: set[tuple[str, str, int]] = set()
_numbers = count()
# More than these are not sent at once, and not put together for a Redis that is away.
_AT_ONCE = 1000
_delivery_lock = threading.Lock()
_delivery: threading.Thread | None = None
DELIVERY_SECONDS = 0.1


def token_key(name: str) -> str:
    """The Redis key of the token ``name``, with the cache's own prefix."""
    return str(cache.make_key(f"token:{name}"))


def trusted_keys(names: Collection[str]) -> list[str] | None:
    """The Redis keys of these tokens; None where Redis did not take a token that this process has to set."""
    return [token_key(name) for name in names] if flush_pending() else None


def announced_key() -> str:
    """The Redis key of the marks of announced changes."""
    return str(cache.make_key(ANNOUNCED))


def invalidate(name: str, *, change: str = "") -> None:
    """Sets the token ``name`` to a fresh token. With Redis away it logs, sets it once Redis answers, and does not
    raise.

    change: a mark of the change this announces, by which a sweep finds those that nobody announced.
    """
    invalidate_each([(name, change)])


def invalidate_each(tokens: Iterable[tuple[str, str]]) -> bool:
    """The same for several names, each with the mark of its change or ""; says whether Redis took them."""
    _pending.update((name, change, next(_numbers)) for name, change in tokens)
    with urgent():
        settled = flush_pending()
    if not settled:
        _deliver_later()
    return settled


def flush_pending() -> bool:
    """Sets every token this process still owes, usually in one round trip; says whether none is owed any more."""
    try:
        _send_pending()
    except (RedisError, OSError) as error:
        names = sorted({name for name, _, _ in tuple(_pending)})[:10]
        logger.warning("token_not_set", names=names, reason=type(error).__name__)
        return False
    return True


def _set(names: Collection[str], changes: Collection[str]) -> None:
    now = time.time()
    with get_redis_connection("default").pipeline(transaction=False) as pipe:
        for name in names:
            pipe.set(token_key(name), secrets.token_hex(8), ex=TOKEN_SECONDS)
        if changes:
            # After the tokens: a mark without its token would hide a change from the sweep.
            pipe.zadd(announced_key(), dict.fromkeys(changes, now))
            pipe.zremrangebyscore(announced_key(), "-inf", now - TOKEN_SECONDS)
            pipe.expire(announced_key(), TOKEN_SECONDS)
        pipe.execute()


def unannounced() -> bool:
    """Whether something that this process changed has not reached Redis. Asks nobody."""
    return bool(_pending)


def _send_pending() -> None:
    # Made into a tuple in one step: other threads add and take away meanwhile.
    while owed := tuple(islice(_pending, _AT_ONCE)):
        _set({name for name, _, _ in owed}, [change for _, change, _ in owed if change])
        _pending.difference_update(owed)


def _deliver_later() -> None:
    """Starts the thread that sets what is owed, where none runs."""
    global _delivery  # noqa: PLW0603 -- one a process.
    with _delivery_lock:
        # After a fork the parent's thread counts as ended.
        if _delivery is None or not _delivery.is_alive():
            _delivery = threading.Thread(target=_deliver, name="version-tokens", daemon=True)
            _delivery.start()


def _deliver() -> None:
    global _delivery  # noqa: PLW0603 -- one a process.
    while True:
        time.sleep(DELIVERY_SECONDS)
        with urgent(), contextlib.suppress(RedisError, OSError):
            _send_pending()
        with _delivery_lock:
            if not _pending:
                _delivery = None
                return


def record_invalidation(name: str) -> None:
    """Leaves in PostgreSQL, in the transaction of a change, that the token ``name`` is to be set. One statement."""
    # Not imported above: Redis is used where no models are loaded.
    apps.get_model("movies", "CacheInvalidation").objects.create(name=name, token=secrets.randbits(63))


def invalidate_catalogue() -> None:
    """Says that every cached list may be wrong: a movie was published, hidden or deleted, or a model went live."""
    invalidate(CATALOGUE)


def invalidate_catalogue_on_commit() -> None:
    """The same, once the transaction this runs in has committed, and in PostgreSQL as part of it."""
    record_invalidation(CATALOGUE)
    transaction.on_commit(invalidate_catalogue)


def read_token(name: str) -> bytes | None:
    """The token of the token ``name``, for what is about to be computed and kept under it; None when none is to be
    trusted, which is while Redis is away.

    Where there is none it is set: "none" would look the same again after Redis had lost one.
    """
    if not flush_pending():
        return None
    try:
        redis, key = get_redis_connection("default"), token_key(name)
        return redis.get(key) or redis.eval(BEGIN, 1, key, secrets.token_hex(8), TOKEN_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("token_not_read", name=name, reason=type(error).__name__)
        return None


def forget_token(name: str) -> None:
    """Removes the token ``name``, of something that is gone with all that was kept under it. With Redis away it stays
    until it ends by itself."""
    key = token_key(name)
    _pending.difference_update([owed for owed in tuple(_pending) if owed[0] == name])
    try:
        get_redis_connection("default").delete(key)
    except (RedisError, OSError) as error:
        logger.warning("token_not_removed", key=key, reason=type(error).__name__)
