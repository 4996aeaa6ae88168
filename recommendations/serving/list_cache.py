"""Caches each person's rendered list in Redis for an hour, or until it is invalidated.

A list is invalid when a version token changes (events.list_invalidation), or when PostgreSQL has another live version
or another state of the catalogue (retrieval.database_state).

A rendered list is stored once, under its recommendation id, so that a shorter list is a slice of it and its next pages
never change. A person's entry of a scenario and region names their current list: the tokens and the database's state
read before the list was computed, the time until which it is fresh, how many movies it has, and its id. A hit takes one
round trip, as does a miss that acquires the single-flight lock. The same round trip logs the list as served
(events.served).
"""

import random
import secrets
import time
from collections.abc import Iterable
from functools import cache as once
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.commands.core import Script
from redis.exceptions import RedisError

from accounts.models import User
from events.list_invalidation import list_token_keys
from events.served.entries import REQUEST_ID_LENGTH, ServedList
from events.served.log import served_write
from events.served.stream import (
    SHOWN_LUA,
    deleted_key,
    is_on,
    known_lists,
    known_lists_key,
    queue_list,
    stream_key,
)
from movies.availability.regions import REGIONS
from movies.caching.version_tokens import CATALOGUE, TOKEN_SECONDS, token_key
from recommendations.curation.active import Placement, curation_now, placement_for, placement_under
from recommendations.curation.config import HOME
from recommendations.experiments.running import Assignment
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.database_state import current_state, state_under
from recommendations.serving.rendering import RenderedList

logger = structlog.get_logger(__name__)

# Increase it when the cached format changes, so that a new release never reads the lists of an old one.
_FORMAT = 8
# Lists expire up to this fraction early (54 to 60 minutes), so that lists computed together do not expire together.
_JITTER = 0.1
# A stale list is still served for this long after it expires, while one request computes the next.
STALE_SECONDS = 300
# How long the single-flight lock is held at most. Other requests wait half of it, then compute the list themselves.
LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.02
# How long a deletion is marked in Redis: longer than a request takes from logging a list to storing it.
DELETED_SECONDS = 60
# After this many lookups that each found another catalogue token, the list is computed.
_STATE_TRIES = 3
# Keys: the person's entry, their token, the catalogue's token. Arguments: 1-2 the key prefixes of lists and of locks;
# 3 the time; 4-5 the lock token ("" to acquire no lock) and the lock's milliseconds; 6 a placeholder for a missing
# token of the person; 7-8 a new token for a catalogue without one (see version_tokens.read_token) and its seconds;
# 9-10 the database's state and the catalogue's token read before it. If the catalogue's token differs from 10, the
# result is the current token alone, and the caller reads the state again. A lock is per person and tokens. 11-14 the
# movies of the page that is logged if a list is found that the caller will show (0 to log nothing), the person's id,
# the request's, and the most entries of the log, the fourth key; 15 the person's
# placement: the arm of an experiment, the region, and when a rule or a window of availability last began or ended.
_LOOKUP_SCRIPT = (
    SHOWN_LUA
    + """
local entry, own, all = unpack(redis.call('mget', KEYS[1], KEYS[2], KEYS[3]))
if not all then
    all = ARGV[7]
    redis.call('set', KEYS[3], all, 'EX', ARGV[8])
end
if all ~= ARGV[10] then return {all} end
local tokens = (own or ARGV[6]) .. '/' .. ARGV[15] .. ' ' .. all .. ' ' .. ARGV[9]
local list, fresh, length, id = false, false, 0, ''
if entry then
    local entry_tokens, fresh_until
    entry_tokens, fresh_until, length, id = string.match(entry, '^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n(.*)$')
    if entry_tokens == tokens then
        list = redis.call('get', ARGV[1] .. id)
        fresh = list and tonumber(ARGV[3]) <= tonumber(fresh_until)
    end
end
local acquired = false
if ARGV[4] ~= '' and not fresh then
    acquired = redis.call('set', ARGV[2] .. tokens, ARGV[4], 'NX', 'PX', ARGV[5])
end
local count = math.min(tonumber(ARGV[11]), tonumber(length))
if list and not acquired and count > 0 then
    log_shown(KEYS[4], ARGV[14], id, ARGV[12], 0, count, ARGV[13])
end
return {tokens, list, fresh and 1 or 0, acquired and 1 or 0}
"""
)
_RELEASE_SCRIPT = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Lookup(NamedTuple):
    """The result of a cache lookup.

    rendered: the cached list, if it is valid; tokens: to store with a new list: the person's token, the catalogue's and
    the database's state; None with Redis away. stale: the list has expired but nothing invalidated it. lock_token: this
    request holds the single-flight lock with this token and must compute the list; None if another request holds it or
    no list is needed. catalogue_token: the tokens without the person's; see database_state.catalogue_token.
    placement: the scenario, rules and arm under which the list is valid.
    """

    rendered: RenderedList | None = None
    tokens: bytes | None = None
    stale: bool = False
    lock_token: str | None = None
    catalogue_token: bytes | None = None
    placement: Placement = Placement()

    @property
    def assignment(self) -> Assignment:
        """The person's arm of an experiment."""
        return self.placement.assignment


class FirstPage(NamedTuple):
    """The first page of a list that a request shows: up to ``limit`` movies; None is as the scenario says."""

    limit: int | None
    request_id: str = ""


def lookup(
    user_id: int, *, acquire: bool = True, page: FirstPage | None = None, scenario: str = HOME, region: str = ""
) -> Lookup:
    """Look up the person's list of a scenario and region; it is valid if all tokens are those it was computed under.

    One round trip; in each process another one after the catalogue's token changes. acquire: take the single-flight
    lock if there is no fresh list. page: what the request shows of a list that is found; it is logged, unless the
    request has to compute another list. An event changes the tokens, so lists before and after it have different locks,
    and no request waits for an invalid list. With Redis away every request computes.
    """
    lock_token = secrets.token_hex(8) if acquire else ""
    token_keys = list_token_keys(user_id)
    if token_keys is None:
        return Lookup(lock_token=lock_token, placement=placement_for(user_id, scenario, region))
    keys = [_entry_key(user_id, scenario, region), *token_keys, stream_key()]
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
    logged = page if page is not None and is_on() else FirstPage(0)
    log: list[Any] = [user_id, logged.request_id[:REQUEST_ID_LENGTH], settings.SERVED_STREAM_MAX]
    state = current_state()
    try:
        for _ in range(_STATE_TRIES):
            placement = placement_under(user_id, state, scenario, region)
            shown = placement.places if logged.limit is None else logged.limit
            values = [*arguments, state.text, state.token, shown, *log, placement.token]
            answer = _script(_LOOKUP_SCRIPT)(keys, values, client=_redis())
            if len(answer) > 1:
                break
            state = state_under(answer[0])
        else:
            return Lookup(lock_token=lock_token, placement=placement)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return Lookup(lock_token=lock_token, placement=placement_for(user_id, scenario, region))
    tokens, data, fresh, acquired = answer
    rendered = None if data is None else _deserialize(data)
    stale = rendered is not None and not fresh
    return Lookup(rendered, tokens, stale, lock_token if acquired else None, tokens.partition(b" ")[2], placement)


def retention_seconds() -> int:
    """How long a list can be read by its id, in seconds."""
    return serving_config().list_cache_seconds + STALE_SECONDS


def store(rendered: RenderedList, *, user_id: int, own: Lookup | None = None, served: ServedList | None = None) -> None:
    """Store a list under its id, for its next pages, and log it as served. One round trip.

    own: the lookup before the list was computed; also makes it the person's current list, under the tokens of that
    lookup, and releases the lock. served: what is logged; with Redis away this is written into PostgreSQL, and nothing
    else is done. Raises User.DoesNotExist if the person has been deleted; then nothing stays stored.
    """
    try:
        with _redis().pipeline(transaction=False) as pipe:
            list_key = _list_key(str(rendered.recommendation_id))
            pipe.set(list_key, _serialize(rendered), ex=retention_seconds())
            if own is not None and own.tokens is not None:
                fresh = serving_config().list_cache_seconds * (1 - _JITTER * random.random())
                length, list_id = len(rendered.movie_ids), str(rendered.recommendation_id).encode()
                entry = b"%b\n%.0f\n%d\n%b" % (own.tokens, time.time() + fresh, length, list_id)
                placement = own.placement
                key = _entry_key(user_id, placement.scenario.name, placement.region)
                pipe.set(key, entry, ex=int(fresh) + STALE_SECONDS)
                if own.lock_token is not None:
                    pipe.eval(_RELEASE_SCRIPT, 1, _lock_key(user_id, own.tokens), own.lock_token)
            if served is not None and is_on():
                queue_list(pipe, served)
            # Last: a deletion sets this mark before it removes the lists, so one of the two removes this list.
            pipe.exists(deleted_key(user_id))
            *_, deleted = pipe.execute()
        if deleted:
            _redis().delete(*_entry_keys(user_id), list_key, known_lists_key(user_id))
            raise User.DoesNotExist
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        if served is not None:
            served_write(served)


def list_by_id(recommendation_id: UUID) -> RenderedList | None:
    """The list with this id; None if it has expired or Redis is away."""
    try:
        data = _redis().get(_list_key(str(recommendation_id)))
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)
        return None
    return None if data is None else _deserialize(data)


def remove_lists(user_id: int, recommendation_ids: Iterable[str], *, deleted: bool = True) -> None:
    """Remove the entries of a person, these lists, and those that Redis knows to be theirs.

    deleted: the person is deleted; this is marked, so that ``store`` keeps no new list.
    With Redis away they stay until they expire; nothing reads them.
    """
    try:
        if deleted:
            _redis().set(deleted_key(user_id), b"", ex=DELETED_SECONDS)
        lists = {*recommendation_ids, *known_lists(user_id)}
        _redis().delete(*_entry_keys(user_id), known_lists_key(user_id), *map(_list_key, lists))
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def release_lock(user_id: int, held: Lookup) -> None:
    """Release the single-flight lock, unless it has expired and another request holds it."""
    if held.tokens is None or held.lock_token is None:
        return
    try:
        _redis().eval(_RELEASE_SCRIPT, 1, _lock_key(user_id, held.tokens), held.lock_token)
    except (RedisError, OSError) as error:
        logger.warning("list_cache_away", reason=type(error).__name__)


def wait_for_list(
    user_id: int, tokens: bytes | None, page: FirstPage | None = None, scenario: str = HOME, region: str = ""
) -> RenderedList | None:
    """Wait for the list that another request computes under the same tokens.

    None after LOCK_SECONDS / 2, or as soon as the tokens change. page: logged as in ``lookup``.
    """
    ends = time.monotonic() + LOCK_SECONDS / 2
    while time.monotonic() < ends:
        time.sleep(_POLL_SECONDS)
        latest = lookup(user_id, acquire=False, page=page, scenario=scenario, region=region)
        if latest.rendered is not None:
            return latest.rendered
        if latest.tokens != tokens:
            return None
    return None


def _serialize(rendered: RenderedList) -> bytes:
    """The list in Redis: id, movie ids, head, explanation, then one line per item. The JSON has no line breaks."""
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
    """The script, which redis-py sends once per server and then calls by its hash."""
    return Script(_redis(), text)


def _entry_key(user_id: int, scenario: str = HOME, region: str = "") -> str:
    # No name of a scenario begins so.
    of_region = f":@{region}" if region else ""
    of_scenario = "" if scenario == HOME else f":{scenario}"
    return str(cache.make_key(f"list:{_FORMAT}:{user_id}{of_scenario}{of_region}"))


def _entry_keys(user_id: int) -> list[str]:
    """Of the person's lists in all scenarios that are live, in all regions; those of others cannot be read."""
    scenarios = {HOME, *curation_now().scenarios}
    return [_entry_key(user_id, scenario, region) for scenario in scenarios for region in ("", *REGIONS)]


def _list_key(recommendation_id: str) -> str:
    return str(cache.make_key(f"served:{_FORMAT}:{recommendation_id}"))


def _lock_key(user_id: int, tokens: bytes) -> str:
    return str(cache.make_key(f"list-lock:{user_id}:{tokens.decode()}"))


def page_keys(user_id: int, region: str = "") -> tuple[list[str], str]:
    """For a look-up by another script: the keys of the person's entry, their token and the catalogue's; the prefix of
    lists."""
    return [_entry_key(user_id, HOME, region), token_key(f"user:{user_id}"), token_key(CATALOGUE)], _list_key("")


def lock_prefix(user_id: int) -> str:
    """What precedes the tokens in the key of the person's single-flight lock, for another script."""
    return _lock_key(user_id, b"")


def rendered_from(data: bytes) -> RenderedList:
    """The list that is stored as ``data``."""
    return _deserialize(data)
