"""``GET /api/recommendations/``: the first page of a person's cached list."""

import hashlib
import json
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings

from accounts.models import User
from events.served.entries import REQUEST_ID_LENGTH
from events.served.stream import SHOWN_LUA, is_on, stream_key
from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.api.conditional import entity_tag, list_headers, matches
from recommendations.retrieval.filters import ListFilters
from recommendations.serving.list_cache import page_keys, rendered_from
from recommendations.serving.pages import page_body
from recsys_project.fast_path.callers import Caller, Callers
from recsys_project.fast_path.responses import ETAG_PLACE
from recsys_project.fast_path.routes import ANSWER, Asked, Found, Known, rate_of

# Bytes of rendered pages that a process holds, so that Redis does not send them again.
MAX_HELD_BYTES = 32 * 1024 * 1024
_LIMIT = re.compile(rb"[1-9][0-9]{0,2}")
# Keys: the person's entry, their token, the catalogue's token, the bucket, the log of served lists, the entries of
# access. Arguments: 1 the prefix of lists; 2 the time; 3-4 the database's state and the catalogue's token read before
# it; 5 the id of the list whose page the caller holds, or ""; 6-7 the microseconds in which a token of the bucket
# refills and the burst, 0 without a limit; 8 the person's arm of an experiment; 9-12 for the log the movies of the page
# (0 to log nothing), the person's id, the request's, and the most entries; then the values of access. A token of the
# bucket is taken only if there is an answer: Django counts the others. Returns what was found (routes.OUTCOMES); for
# an answer also the list's id, the list unless the caller holds it, and the microseconds until the bucket is full. See
# list_cache for entries, token_bucket for buckets, access for access.
SCRIPT = (
    SHOWN_LUA
    + """
local values = redis.call('mget', unpack(KEYS))
for i = 6, #KEYS do
    if values[i] ~= ARGV[i + 7] then return {1} end
end
if values[3] ~= ARGV[4] then return {2} end
if not values[1] then return {3} end
local tokens, fresh_until, length, id = string.match(values[1], '^([^\\n]*)\\n([^\\n]*)\\n([^\\n]*)\\n(.*)$')
if tokens ~= (values[2] or '-') .. '/' .. ARGV[8] .. ' ' .. ARGV[4] .. ' ' .. ARGV[3] then return {3} end
if tonumber(ARGV[2]) > tonumber(fresh_until) then return {3} end
local list = false
if id == ARGV[5] then
    if redis.call('exists', ARGV[1] .. id) == 0 then return {3} end
else
    list = redis.call('get', ARGV[1] .. id)
    if not list then return {3} end
end
local interval, fill = tonumber(ARGV[6]), 0
if interval > 0 then
    local time = redis.call('time')
    local now = time[1] * 1000000 + time[2]
    fill = math.max(0, (tonumber(values[4]) or 0) - now) + interval
    if fill > interval * ARGV[7] then return {4} end
    redis.call('set', KEYS[4], string.format('%.0f', now + fill), 'PX', math.ceil(fill / 1000))
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
    held: "_Page | None"
    etags: bytes
    command: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Page:
    recommendation_id: bytes
    body: bytes
    log: str


class ListRoute:
    """The route, and the pages that this process has rendered; see routes.Route."""

    route = "api/recommendations/"
    view = "recommendations:list"
    headers = list_headers(ETAG_PLACE)

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[int, int], _Page] = OrderedDict()
        self._held_bytes = 0

    def job(self, asked: Asked, callers: Callers, known: Known) -> ListJob | str:
        """What to ask Redis for this request, or why Django has to answer."""
        head, request_id = asked.head, asked.request_id
        query = read_query(head.query)
        authorization = head.headers.get(b"authorization")
        if query is None or authorization is None:
            return "caller_unknown"
        asked_limit, external_id = query
        limit = asked_limit or known.places
        caller = callers.person(authorization) if external_id is None else callers.user(authorization, external_id)
        if caller is None:
            return "caller_unknown"
        held = self._pages.get((caller.user_id, limit))
        keys, prefix = page_keys(caller.user_id)
        keys += [caller.bucket_key, stream_key(), *(key for key, _ in caller.entries)]
        logged = limit if is_on() else 0
        command = (
            *("EVALSHA", SCRIPT_SHA, len(keys), *keys),
            *(prefix, repr(time.time()), known.state.text, known.state.token),
            *(
                held.recommendation_id if held is not None else b"",
                *rate_of(caller),
                known.assign(caller.user_id).token,
            ),
            *(logged, caller.user_id, request_id[:REQUEST_ID_LENGTH], settings.SERVED_STREAM_MAX),
            *(value for _, value in caller.entries),
        )
        return ListJob(caller, limit, held, head.headers.get(b"if-none-match", b""), command)

    def found(self, job: ListJob, reply: Any) -> Found | None:
        """What the script's reply says to answer; None to leave it to Django."""
        if not isinstance(reply, list) or reply[0] != ANSWER:
            return None
        _, list_id, data, fill = reply
        page = job.held
        if data is not None:
            page = self._render(job, list_id, data)
        if page is None:
            return None
        recommendation_id = list_id.decode()
        etag = entity_tag(recommendation_id, job.limit)
        same = bool(job.etags) and matches(job.etags.decode(), etag)
        return Found(page.body, page.log, fill, etag, same)

    def _render(self, job: ListJob, list_id: bytes, data: bytes) -> _Page:
        """The page, which stays until memory is full: a list never changes under its id, nor does its cursor's end
        matter, since the list expires before."""
        rendered = rendered_from(data)
        user = User(pk=job.caller.user_id)
        body = page_body(rendered, user=user, start=0, limit=job.limit, filters=ListFilters(), continued=False)
        log = f'{job.caller.log}, "recommendation_id": "{list_id.decode()}", "list": "hit"'
        if (experiment := rendered.experiment) is not None:
            log += f', "experiment": {json.dumps(experiment["name"])}, "arm": {json.dumps(experiment["arm"])}'
        page, place = _Page(list_id, body, log), (job.caller.user_id, job.limit)
        if (old := self._pages.pop(place, None)) is not None:
            self._held_bytes -= len(old.body)
        self._pages[place] = page
        self._held_bytes += len(body)
        while self._held_bytes > MAX_HELD_BYTES:
            self._held_bytes -= len(self._pages.popitem(last=False)[1].body)
        return page


def read_query(query: bytes) -> tuple[int | None, str | None] | None:
    """The limit if there is one, and the client's id of a user if there is one; None for any other query."""
    limit: int | None = None
    user = None
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
        else:
            return None
    return limit, user
