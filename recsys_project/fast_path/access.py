"""Whose access is known to be good, in Redis: an entry for a person, a sign-in or a key, which a script compares.

An entry is written after a request that read it from the database, and holds what was read; so a token of an older
version, of another person's sign-in or a key with other scopes does not match. A change blocks the entry before it is
made and after it has committed (accounts.access_changes), and a blocked entry is not overwritten: a request that read
the database before the change has to write within REMEMBER_SECONDS, which is less than BLOCK_SECONDS.

A lost block heals: each process reads the committed changes several times a second (``watch``). All entries hold a
stamp of this start of Redis and of PostgreSQL, so that none counts after either was restarted or restored.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

ENTRY_SECONDS = 3600
# How old what was read may be when it is written, by Redis' clock.
REMEMBER_SECONDS = 2.0
# How long nothing is written after a change was committed, and while one is on its way: longer than a transaction of a
# web request can take.
BLOCK_SECONDS = 5
CHANGE_SECONDS = 60
_BLOCKED = "-"
# Keys: the entries. Arguments: until when they may be written, their lifetime, their values.
_REMEMBER = f"""
local now = redis.call('time')
if now[1] + now[2] / 1000000 > tonumber(ARGV[1]) then return 0 end
for i, key in ipairs(KEYS) do
    if redis.call('get', key) ~= '{_BLOCKED}' then redis.call('set', key, ARGV[i + 2], 'EX', ARGV[2]) end
end
return 1
"""


def entry_key(subject: str) -> str:
    """The Redis key of a subject of accounts.access_changes."""
    return str(cache.make_key(f"access:{subject}"))


def remember(entries: Mapping[str, str], *, stamp: str, read_at: float) -> None:
    """Writes the entries of these subjects. read_at: before they were read from the database (time.time)."""
    if time.time() - read_at > REMEMBER_SECONDS:
        return
    keys, values = [entry_key(subject) for subject in entries], [f"{stamp} {value}" for value in entries.values()]
    try:
        redis: Any = get_redis_connection("default")
        redis.eval(_REMEMBER, len(keys), *keys, read_at + REMEMBER_SECONDS, ENTRY_SECONDS, *values)
    except (RedisError, OSError) as error:
        logger.warning("access_not_remembered", reason=type(error).__name__)


def queue_remember(pipe: Any, entries: Iterable[tuple[str, str]], *, read_at: float) -> None:
    """Adds to a pipeline what writes these keys and values, which hold the stamp; see ``remember``."""
    keys, values = zip(*entries, strict=True)
    pipe.eval(_REMEMBER, len(keys), *keys, read_at + REMEMBER_SECONDS, ENTRY_SECONDS, *values)


def access_changed(subjects: Sequence[str], committed: bool) -> None:
    """The listener of accounts.access_changes. Never raises: the watch repeats what is lost here."""
    try:
        block(subjects, BLOCK_SECONDS if committed else CHANGE_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("access_not_blocked", subjects=list(subjects[:10]), reason=type(error).__name__)


def block(subjects: Iterable[str], seconds: int = BLOCK_SECONDS) -> None:
    """Blocks the entries of these subjects. One round trip. Raises RedisError or OSError."""
    with get_redis_connection("default").pipeline(transaction=False) as pipe:
        for subject in subjects:
            pipe.set(entry_key(subject), _BLOCKED, ex=seconds)
        pipe.execute()
