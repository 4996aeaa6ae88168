"""Cache version tokens in Redis, which invalidate what was computed from older data.

A token is a random value under a fixed key. A cached value is stored with the tokens read **before** it was computed,
and is valid only while they are unchanged. A change sets a new token after it has committed. So nothing has to be
deleted, and a value computed during a change is never served after it.

A process may die between the commit and the token, or Redis may be down. So a change also writes a row in its own
transaction: a CacheInvalidation, which readers compare with the state they cached under
(recommendations.retrieval.database_state) and a sweep announces (events.announcements). For an event, its own row is
enough: the sweep announces events that have no mark in Redis.
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

logger = structlog.get_logger(__name__)

# Longer than the hour that lists are cached: if a token expired first, an older list could become valid again.
TOKEN_SECONDS = 2 * 3600
CATALOGUE = "all"
# The name of the changes of where movies are available, which a trigger records (migration movie_availability). There
# is no token of that name in Redis: a change also changes the catalogue.
AVAILABILITY = "availability"
# Returns a token, which it sets if there is none. Key: the token. Arguments: a new token, its lifetime in seconds.
GET_OR_SET = """
local token = redis.call('get', KEYS[1])
if not token then
    token = ARGV[1]
    redis.call('set', KEYS[1], token, 'EX', ARGV[2])
end
return token
"""
# Keys: the tokens to set. Arguments: the new token, its lifetime in seconds.
_SET_EACH = """
for _, key in ipairs(KEYS) do
    redis.call('set', key, ARGV[1], 'EX', ARGV[2])
end
"""

# A sorted set of the marks of announced changes, by the time they reached Redis.
ANNOUNCED = "announced"

# Tokens to set: (name, mark of the change or "", a unique number). The number keeps a change that another thread adds
# while the same name is being sent. Tokens that did not reach Redis stay here. They are retried before this process
# next reads a token, and by a background thread, since other processes may read tokens before this one does.
_pending: set[tuple[str, str, int]] = set()
_numbers = count()
# The most tokens sent in one pipeline, and built while Redis is down.
_BATCH_SIZE = 1000
_retry_lock = threading.Lock()
_retry_thread: threading.Thread | None = None
RETRY_SECONDS = 0.1


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
    """Sets a new token for ``name``. If Redis is down, it logs and sets the token once Redis answers; never raises.

    change: a mark of the announced change, by which a sweep finds changes without an announcement.
    """
    invalidate_each([(name, change)])


def invalidate_each(tokens: Iterable[tuple[str, str]]) -> bool:
    """``invalidate`` for several (name, change) pairs; returns whether all pending tokens reached Redis."""
    _pending.update((name, change, next(_numbers)) for name, change in tokens)
    flushed = flush_pending()
    if not flushed:
        _start_retrying()
    return flushed


def flush_pending() -> bool:
    """Sends all pending tokens, usually in one round trip; returns whether none is left."""
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
        # One command for all: a thousand take the client ten times as long. Names may share a token, which is compared
        # only with earlier tokens of its own name.
        keys = [token_key(name) for name in names]
        pipe.eval(_SET_EACH, len(keys), *keys, secrets.token_hex(8), TOKEN_SECONDS)
        if changes:
            # Marks follow their tokens: a mark without its token would hide a change from the sweep.
            pipe.zadd(announced_key(), dict.fromkeys(changes, now))
            pipe.zremrangebyscore(announced_key(), "-inf", now - TOKEN_SECONDS)
            pipe.expire(announced_key(), TOKEN_SECONDS)
        pipe.execute()


def has_pending() -> bool:
    """Whether any token of this process has not reached Redis yet. No round trip."""
    return bool(_pending)


def _send_pending() -> None:
    # Copied to a tuple, since other threads change the set meanwhile.
    while batch := tuple(islice(_pending, _BATCH_SIZE)):
        _set({name for name, _, _ in batch}, [change for _, change, _ in batch if change])
        _pending.difference_update(batch)


def _start_retrying() -> None:
    """Starts the thread that retries pending tokens, unless it runs already."""
    global _retry_thread  # noqa: PLW0603 -- one a process.
    with _retry_lock:
        # After a fork, the parent's thread is not alive here.
        if _retry_thread is None or not _retry_thread.is_alive():
            _retry_thread = threading.Thread(target=_retry, name="version-tokens", daemon=True)
            _retry_thread.start()


def _retry() -> None:
    global _retry_thread  # noqa: PLW0603 -- one a process.
    while True:
        time.sleep(RETRY_SECONDS)
        with contextlib.suppress(RedisError, OSError):
            _send_pending()
        with _retry_lock:
            if not _pending:
                _retry_thread = None
                return


def record_invalidation(name: str) -> None:
    """Writes a CacheInvalidation for the token ``name``, in the transaction of the change. One query."""
    # Not imported above: this module is also used before models are loaded.
    apps.get_model("movies", "CacheInvalidation").objects.create(name=name, token=secrets.randbits(63))


def invalidate_catalogue() -> None:
    """Invalidates every cached list: a movie was published, hidden or deleted, or a model version went live."""
    invalidate(CATALOGUE)


def invalidate_catalogue_on_commit() -> None:
    """``invalidate_catalogue`` once the current transaction commits; also records the invalidation in it."""
    record_invalidation(CATALOGUE)
    transaction.on_commit(invalidate_catalogue)


def read_token(name: str) -> bytes | None:
    """The token ``name``, to read before computing a value that is cached under it; None if Redis does not answer.

    A missing token is set, since "missing" would look unchanged after Redis lost a token.
    """
    if not flush_pending():
        return None
    try:
        redis, key = get_redis_connection("default"), token_key(name)
        return redis.get(key) or redis.eval(GET_OR_SET, 1, key, secrets.token_hex(8), TOKEN_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("token_not_read", name=name, reason=type(error).__name__)
        return None


def delete_token(name: str) -> None:
    """Deletes the token ``name``, whose subject and cached values are deleted too. If Redis is down, the token stays
    until it expires."""
    key = token_key(name)
    _pending.difference_update([batch for batch in tuple(_pending) if batch[0] == name])
    try:
        get_redis_connection("default").delete(key)
    except (RedisError, OSError) as error:
        logger.warning("token_not_removed", key=key, reason=type(error).__name__)
