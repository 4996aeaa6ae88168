"""``GET /api/recommendations/``: the first page of a person's cached list."""

import hashlib
import json
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings

from accounts.models import User
from events.served.entries import REQUEST_ID_LENGTH
from events.served.stream import SHOWN_LUA, is_on, stream_key
from movies.availability.regions import REGIONS, effective_region
from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.api.conditional import entity_tag, list_headers, matches
from recommendations.curation.active import Placement
from recommendations.retrieval.filters import ListFilters
from recommendations.serving.list_cache import LOCK_SECONDS, lock_prefix, page_keys, rendered_from
from recommendations.serving.pages import page_body
from recommendations.serving.rendering import RenderedList
from recsys_project.fast_path.callers import Caller, Callers
from recsys_project.fast_path.responses import ETAG_PLACE
from recsys_project.fast_path.routes import ANSWER, Asked, Found, Known, rate_of

# Bytes of rendered pages that a process holds, so that Redis does not send them again.
MAX_HELD_BYTES = 32 * 1024 * 1024
_LOCK_MILLISECONDS = int(LOCK_SECONDS * 1000)
_LIMIT = re.compile(rb"[1-9][0-9]{0,2}")
# Keys: the person's entry, their token, the catalogue's token, the bucket, the log of served lists, the entries of
# access. Arguments: 1 the prefix of lists; 2 the time; 3-4 the database's state and the catalogue's token read before
# it; 5 the id of the list whose page the caller holds, or ""; 6-7 the microseconds in which a token of the bucket
# refills and the burst, 0 without a limit; 8 the person's arm of an experiment, and the region; 9-12 for the log the
# movies of the page (0 to log nothing), the person's id, the request's, and the most entries; 13-15 the prefix of the
# lock of who computes the list, its token and its milliseconds; then the values of access. A token of the bucket is
# taken if there is an answer or none to be found: Django counts the others. Returns what was found (routes.OUTCOMES);
# for ANSWER also the list's id, the list unless the caller holds it, and the microseconds until the bucket is full; for
# NO_LIST the microseconds, the tokens to store a list under, and whether the lock was taken. See list_cache for entries
# and locks, token_bucket for buckets, access for access.
SCRIPT = (
    SHOWN_LUA
    + """
local values = redis.call('mget', unpack(KEYS))
for i = 6, #KEYS do
    if values[i] ~= ARGV[i + 10] then return {1} end
end
if values[3] ~= ARGV[4] then return {2} end
local tokens = (values[2] or '-') .. '/' .. ARGV[8] .. ' ' .. ARGV[4] .. ' ' .. ARGV[3]
local found, list, length, id = false, false, 0, ''
if values[1] then
    local entry_tokens, fresh_until
    entry_tokens, fresh_until, length, id = string.match(values[1], '^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n(.*)$')
    if entry_tokens == tokens and tonumber(ARGV[2]) <= tonumber(fresh_until) then
        if id == ARGV[5] then
            found = redis.call('exists', ARGV[1] .. id) == 1
        else
            list = redis.call('get', ARGV[1] .. id)
            found = list ~= false
        end
    end
end
local interval, fill = tonumber(ARGV[6]), 0
if interval > 0 then
    local time = redis.call('time')
    local now = time[1] * 1000000 + time[2]
    fill = math.max(0, (tonumber(values[4]) or 0) - now) + interval
    if fill > interval * ARGV[7] then return {4} end
    redis.call('set', KEYS[4], string.format('%.0f', now + fill), 'PX', math.ceil(fill / 1000))
end
if not found then
    local acquired = redis.call('set', ARGV[13] .. tokens, ARGV[14], 'NX', 'PX', ARGV[15])
    return {3, fill, tokens, acquired and 1 or 0}
end
local count = math.min(tonumber(ARGV[9]), tonumber(length))
if count > 0 then log_shown(KEYS[5], ARGV[12], id, ARGV[10], 0, count, ARGV[11]) end
return {0, id, list, fill}
"""
)
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class ListJob:
    """A request on its way: whose list, how much of it, and the command for Redis."""

    caller: Caller
    limit: int
    held: "Page | None"
    etags: bytes
    request_id: str
    placement: Placement
    lock_token: str
    command: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The rendered first page of a list; log: members of the log line, as JSON."""

    recommendation_id: bytes
    body: bytes
    log: str


class ListRoute:
    """The route, and the pages that this process has rendered; see routes.Route."""

    route = "api/recommendations/"
    view = "recommendations:list"
    headers = list_headers(ETAG_PLACE)

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[int, int, str], Page] = OrderedDict()
        self._held_bytes = 0
        # Unique among all processes, at the cost of a number.
        self._lock_tokens, self._numbers = f"{secrets.token_hex(8)}-", count()

    def job(self, asked: Asked, callers: Callers, known: Known) -> ListJob | str:
        """What to ask Redis for this request, or why Django has to answer."""
        head, request_id = asked.head, asked.request_id
        query = read_query(head.query)
        authorization = head.headers.get(b"authorization")
        if query is None or authorization is None:
            return "caller_unknown"
        asked_limit, external_id, region = query
        region = effective_region(region)
        limit = asked_limit or known.places
        caller = callers.person(authorization) if external_id is None else callers.user(authorization, external_id)
        if caller is None:
            return "caller_unknown"
        held = self._pages.get((caller.user_id, limit, region))
        keys, prefix = page_keys(caller.user_id, region)
        keys += [caller.bucket_key, stream_key(), *(key for key, _ in caller.entries)]
        logged = limit if is_on() else 0
        placement = known.assign(caller.user_id, region)
        lock_token = f"{self._lock_tokens}{next(self._numbers)}"
        command = (
            *("EVALSHA", SCRIPT_SHA, len(keys), *keys),
            *(prefix, repr(time.time()), known.state.text, known.state.token),
            *(held.recommendation_id if held is not None else b"", *rate_of(caller), placement.token),
            *(logged, caller.user_id, request_id[:REQUEST_ID_LENGTH], settings.SERVED_STREAM_MAX),
            *(lock_prefix(caller.user_id), lock_token, _LOCK_MILLISECONDS),
            *(value for _, value in caller.entries),
        )
        etags = head.headers.get(b"if-none-match", b"")
        return ListJob(caller, limit, held, etags, request_id, placement, lock_token, command)

    def found(self, job: ListJob, reply: Any) -> Found | None:
        """What the script's reply says to answer; None if it found no list."""
        if not isinstance(reply, list) or reply[0] != ANSWER:
            return None
        _, _, data, fill = reply
        page = job.held
        if data is not None:
            page = page_of(job, rendered_from(data), User(pk=job.caller.user_id))
            self.keep(job, page)
        return None if page is None else page_found(job, page, fill)

    def keep(self, job: ListJob, page: Page) -> None:
        """Holds the page until memory is full: a list never changes under its id, nor does its cursor's end matter,
        since the list expires before."""
        place = (job.caller.user_id, job.limit, job.placement.region)
        if (old := self._pages.pop(place, None)) is not None:
            self._held_bytes -= len(old.body)
        self._pages[place] = page
        self._held_bytes += len(page.body)
        while self._held_bytes > MAX_HELD_BYTES:
            self._held_bytes -= len(self._pages.popitem(last=False)[1].body)


def page_of(job: ListJob, rendered: RenderedList, user: User) -> Page:
    """The first page of a list of that person."""
    filters = ListFilters(region=job.placement.region)
    body = page_body(rendered, user=user, start=0, limit=job.limit, filters=filters, continued=False)
    return Page(str(rendered.recommendation_id).encode(), body, log_members(job, rendered, "hit"))


def log_members(job: ListJob, rendered: RenderedList, state: str) -> str:
    """Members of the log line, as JSON. state: of the cache, where the list was looked up."""
    log = f'{job.caller.log}, "recommendation_id": "{rendered.recommendation_id}", "list": "{state}"'
    if (experiment := rendered.experiment) is not None:
        log += f', "experiment": {json.dumps(experiment["name"])}, "arm": {json.dumps(experiment["arm"])}'
    return log


def page_found(job: ListJob, page: Page, fill: int, log: str = "") -> Found:
    """The answer that shows the page, to a client that may have it already. log: if it is not that of the page."""
    etag = entity_tag(page.recommendation_id.decode(), job.limit)
    same = bool(job.etags) and matches(job.etags.decode(), etag)
    return Found(page.body, log or page.log, fill, etag, same)


def read_query(query: bytes) -> tuple[int | None, str | None, str] | None:
    """The limit if there is one, the client's id of a user if there is one, and the region or ""; None for any other
    query."""
    limit: int | None = None
    user, region = None, ""
    seen = set()
    for part in query.split(b"&") if query else ():
        name, _, value = part.partition(b"=")
        if name in seen:
            return None
        seen.add(name)
        if name == b"limit" and _LIMIT.fullmatch(value) and int(value) <= LIST_SIZE:
            limit = int(value)
        elif name == b"user" and value:
            user = unquote_plus(value.decode())
        elif name == b"region" and value.decode() in REGIONS:
            region = value.decode()
        else:
            return None
    return limit, user, region
