"""Each person's rendered list in Redis, for an hour, or until it may be wrong.

A version token says so (events.list_invalidation), or PostgreSQL: the list was made from another model version or
another state of the catalogue (retrieval.database_state).

A list is stored once, under its recommendation id, rendered, so that a shorter list is a slice and its next pages are
its own whatever happens meanwhile. A person's entry says which list is theirs now: the tokens read before it was
computed and the database's state, until when it is fresh, its id. A hit is one round trip, and so is a miss with the
single-flight lock.
"""

import random
import secrets
import time
from collections.abc import Iterable
from functools import cache as once
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.commands.core import Script
from redis.exceptions import RedisError

from accounts.models import User
from events.list_invalidation import list_token_keys
from movies.caching.version_tokens import TOKEN_SECONDS
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.database_state import current_state, state_under
from recommendations.serving.rendering import RenderedList

logger = structlog.get_logger(__name__)

# Changes when the shape of what is cached changes, so that a new release never reads an old one's lists.
_FORMAT = 6
# An hour for some is 54 minutes for others, so that lists made together do not all end together.
_JITTER = 0.1
# For so long after its hour a list may still be shown to others while one request makes the next.
STALE_SECONDS = 300
# One request computes; the others wait for it this long, then compute for themselves.
LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.02
# Longer than a request can take from logging a list to keeping it: so long it is known that a person was deleted.
DELETED_SECONDS = 60
# A catalogue that changes between each of so many looks is not waited for.
_STATE_TRIES = 3
# Keys: the person's entry, their token, the catalogue's token. Arguments: the prefixes of lists' keys and of locks'
# keys, the time, a token to take the lock with or nothing, its milliseconds; what stands in for a person's missing
# token, a first token for a catalogue without one (see version_tokens.read_token), its seconds; the database's state
# and the catalogue's token that it was read after. Under another token the answer is that token alone: the state has to
# be read again. A lock is for a person and tokens.
_LOOKUP_SCRIPT = """
local entry, own, all = unpack(redis.call('mget', KEYS[1], KEYS[2], KEYS[3]))
if not all then
    all = ARGV[7]
    redis.call('set', KEYS[3], all, 'EX', ARGV[8])
end
if all ~= ARGV[10] then return {all} end
local tokens = (own or ARGV[6]) .. ' ' .. all .. ' ' .. ARGV[9]
local list, fresh = false, false
if entry then
    local under, till, id = string.match(entry, '^([^\\n]*)\\n([^\\n]*)\\n(.*)$')
    if under == tokens then
        list = redis.call('get', ARGV[1] .. id)
        fresh = list and tonumber(ARGV[3]) <= tonumber(till)
    end
end
local mine = false
if ARGV[4] ~= '' and not fresh then
    mine = redis.call('set', ARGV[2] .. tokens, ARGV[4], 'NX', 'PX', ARGV[5])
end
return {tokens, list, fresh and 1 or 0, mine and 1 or 0}
"""
_RELEASE_SCRIPT = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Lookup(NamedTuple):
    """What Redis knew: the list if it still holds, and the tokens to keep with a new one, which are the person's, the
    catalogue's and the database's state; none with Redis away.

    stale: the list is past its hour, though nothing has happened since. lock_token: what this request holds the
    single-flight lock with, and so is the one to compute the list under these tokens; None when another does already,
    or no list is needed. catalogue_token: the tokens but for the person's; see database_state.catalogue_token.
    """

    rendered: RenderedList | None = None
    tokens: bytes | None = None
    stale: bool = False
    lock_token: str | None = None
    catalogue_token: bytes | None = None


def lookup(user_id: int, *, acquire: bool = True) -> Lookup:
    """The person's list, when it is there and all tokens are those it was computed under. One round trip, and another
    for each process after the catalogue's token changed.

    acquire: take the single-flight lock where there is no fresh list. An event changes the tokens and so has a lock of
    its own: nobody waits for a list that is wrong already. With Redis away everyone computes.
    """
    lock_token = secrets.token_hex(8) if acquire else ""
    token_keys = list_token_keys(user_id)
    if token_keys is None:
        return Lookup(lock_token=lock_token)
    keys = [_entry_key(user_id), *token_keys]
    arguments: list[Any] = [
        _list_key(""),
        _lock_key(user_id, b""),
        time.time(),
        lock_token,
        int(LOCK_SECONDS * 1000),
        "-",
        secrets.token_hex(8),
        TOKEN_SECONDS,
    ]
    state = current_state()
    try:
        for _ in range(_STATE_TRIES):
            answer = _script(_LOOKUP_SCRIPT)(keys, [*arguments, state.text, state.token], client=_redis())
            if len(answer) > 1:
                break
            state = state_under(answer[0])
        else:
            return Lookup(lock_token=lock_token)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return Lookup(lock_token=lock_token)
    tokens, data, fresh, acquired = answer
    found = None if data is None else _deserialize(data)
    stale = found is not None and not fresh
    return Lookup(found, tokens, stale, lock_token if acquired else None, tokens.partition(b" ")[2])


def retention_seconds() -> int:
    """How long a list can be read by its id."""
    return serving_config().list_cache_seconds + STALE_SECONDS


def store(rendered: RenderedList, *, of: tuple[int, Lookup] | None = None, shown_to: int | None = None) -> None:
    """Keeps a list for its next pages and, ``of`` a person, as theirs under the tokens that were read before it was
    computed, releasing their lock. One round trip; nothing with Redis away.

    Raises User.DoesNotExist where ``shown_to``, the person it is for, was deleted meanwhile; then nothing is kept.
    """
    try:
        with _redis().pipeline(transaction=False) as pipe:
            list_key = _list_key(str(rendered.recommendation_id))
            pipe.set(list_key, _serialize(rendered), ex=retention_seconds())
            user_id, found = of or (0, Lookup())
            if found.tokens is not None:
                fresh = serving_config().list_cache_seconds * (1 - _JITTER * random.random())
                entry = b"%b\n%.0f\n%b" % (found.tokens, time.time() + fresh, str(rendered.recommendation_id).encode())
                pipe.set(_entry_key(user_id), entry, ex=int(fresh) + STALE_SECONDS)
                if found.lock_token is not None:
                    pipe.eval(_RELEASE_SCRIPT, 1, _lock_key(user_id, found.tokens), found.lock_token)
            if shown_to is not None:
                # Asked last: whoever deletes the person first leaves this mark and then removes what is kept.
                pipe.exists(_deleted_key(shown_to))
            answers = pipe.execute()
        if shown_to is not None and answers[-1]:
            _redis().delete(_entry_key(shown_to), list_key)
            raise User.DoesNotExist
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def list_by_id(recommendation_id: UUID) -> RenderedList | None:
    """The list of that id while it is kept."""
    try:
        data = _redis().get(_list_key(str(recommendation_id)))
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return None
    return None if data is None else _deserialize(data)


def remove_lists(user_id: int, recommendation_ids: Iterable[str]) -> None:
    """Removes the entry of a person who was deleted, and these lists of theirs; what is computed for them just now will
    not be kept either. With Redis away they stay, unread, until they end by themselves."""
    try:
        _redis().set(_deleted_key(user_id), b"", ex=DELETED_SECONDS)
        _redis().delete(_entry_key(user_id), *map(_list_key, recommendation_ids))
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def release_lock(user_id: int, held: Lookup) -> None:
    """Lets the next request compute. A lock that expired and that another request holds now stays with that one."""
    if held.tokens is None or held.lock_token is None:
        return
    try:
        _redis().eval(_RELEASE_SCRIPT, 1, _lock_key(user_id, held.tokens), held.lock_token)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def wait_for_list(user_id: int, tokens: bytes | None) -> RenderedList | None:
    """The list that another request is computing under the same tokens; None when it did not come in time."""
    ends = time.monotonic() + LOCK_SECONDS / 2
    while time.monotonic() < ends:
        time.sleep(_POLL_SECONDS)
        latest = lookup(user_id, acquire=False)
        if latest.rendered is not None:
            return latest.rendered
        if latest.tokens != tokens:
            return None
    return None


def _serialize(rendered: RenderedList) -> bytes:
    """The list as Redis holds it: id, movies, head, explanation, then one line an item. JSON holds no line breaks."""
    movie_ids = ",".join(map(str, rendered.movie_ids))
    head = (str(rendered.recommendation_id).encode(), movie_ids.encode(), rendered.head, rendered.explanation)
    return b"\n".join([*head, *rendered.items])


def _deserialize(data: bytes) -> RenderedList:
    recommendation_id, movie_ids, head, explanation, *items = data.split(b"\n")
    ids = tuple(map(int, movie_ids.split(b","))) if movie_ids else ()
    return RenderedList(UUID(recommendation_id.decode()), ids, head, explanation, tuple(items))


def _redis() -> Any:
    return get_redis_connection("default")


@once
def _script(text: str) -> Script:
    """Sent once a server, then named by its hash."""
    return Script(_redis(), text)


def _entry_key(user_id: int) -> str:
    return str(cache.make_key(f"list:{_FORMAT}:{user_id}"))


def _list_key(recommendation_id: str) -> str:
    return str(cache.make_key(f"served:{_FORMAT}:{recommendation_id}"))


def _deleted_key(user_id: int) -> str:
    return str(cache.make_key(f"deleted:{user_id}"))


def _lock_key(user_id: int, tokens: bytes) -> str:
    return str(cache.make_key(f"list-lock:{user_id}:{tokens.decode()}"))
