"""Routes whose answers are the same for everybody: popular, trending, latest, similar and found movies, pages, genres.

A process holds the bodies that Django has answered with, by path and query as sent. Each is good under the state of the
catalogue that the process knew before Django began, and until what it was made from expires. So nothing is validated
or rendered here: another spelling of a query is another answer. The script checks that the catalogue's token is still
that of the state, and takes from the caller's bucket.
"""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve

from accounts.clients.keys import ClientCaller
from events.list_invalidation import catalogue_token_key
from recommendations.retrieval.database_state import DatabaseState
from recsys_project.fast_path.callers import Caller, Callers
from recsys_project.fast_path.heads import MAX_QUERY
from recsys_project.fast_path.routes import ANSWER, Asked, Found, Known, rate_of

# Bytes of the answers that a process holds, and what one takes beside its bytes.
MAX_HELD_BYTES = 32 * 1024 * 1024
_OVERHEAD = 500
# How long an answer is held at most; what is cached in Redis may expire before.
MAX_SECONDS = 60.0
_MOVIE = re.compile(r"/api/movies/[0-9]{1,10}/(similar/)?", re.ASCII)
_HEADERS = {"Content-Type": "application/json", "Allow": "GET, HEAD, OPTIONS"}
# Keys: the catalogue's token, the bucket, the entries of access. Arguments: 1 the token that the answer is good under;
# 2-3 the microseconds in which a token of the bucket refills and the burst, 0 without a limit; then the values of
# access. Returns what was found (routes.OUTCOMES), and for an answer the microseconds until the bucket is full.
SCRIPT = """
local values = redis.call('mget', unpack(KEYS))
for i = 3, #KEYS do
    if values[i] ~= ARGV[i + 1] then return {1} end
end
if values[1] ~= ARGV[1] then return {2} end
local interval, fill = tonumber(ARGV[2]), 0
if interval > 0 then
    local time = redis.call('time')
    local now = time[1] * 1000000 + time[2]
    fill = math.max(0, (tonumber(values[2]) or 0) - now) + interval
    if fill > interval * ARGV[3] then return {4} end
    redis.call('set', KEYS[2], string.format('%.0f', now + fill), 'PX', math.ceil(fill / 1000))
end
return {0, fill}
"""
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class _Answer(NamedTuple):
    body: bytes
    state: bytes
    token: bytes
    until: float


class SharedAnswers:
    """The bodies that a process holds. Threads add, the main loop reads."""

    def __init__(self, max_bytes: int = MAX_HELD_BYTES) -> None:
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._held, self._max = 0, max_bytes
        self._lock = Lock()

    def get(self, target: bytes, state: DatabaseState) -> bytes | None:
        """The body for this path and query, if it is still good."""
        with self._lock:
            answer = self._answers.get(target)
            if answer is None:
                return None
            if answer[1:3] == (state.text, state.token) and answer.until > time.time():
                self._answers.move_to_end(target)
                return answer.body
            self._remove(target)
            return None

    def put(self, target: bytes, body: bytes, state: DatabaseState, until: float) -> None:
        """Holds a body that was made after this state was read; the least used ones leave when memory is full."""
        with self._lock:
            self._remove(target)
            self._answers[target] = _Answer(body, state.text, state.token, until)
            self._held += _size(target, body)
            while self._held > self._max:
                self._remove(next(iter(self._answers)))

    def _remove(self, target: bytes) -> None:
        if (answer := self._answers.pop(target, None)) is not None:
            self._held -= _size(target, answer.body)


def _size(target: bytes, body: bytes) -> int:
    return len(target) + len(body) + _OVERHEAD


@dataclass(slots=True)
class SharedJob:
    caller: Caller
    body: bytes
    command: tuple[Any, ...]


class SharedRoute:
    """One route. example: a path of it; personal: whether a token or a parameter makes the answer one person's."""

    def __init__(self, example: str, answers: SharedAnswers, *, personal: bool = False) -> None:
        match = resolve(example)
        self.route, self.view = match.route, match.view_name
        self.headers: dict[str, str] = {}
        self._answers, self._personal = answers, personal

    def job(self, asked: Asked, callers: Callers, known: Known) -> SharedJob | str:
        """What to ask Redis, or why Django has to answer."""
        head = asked.head
        body = self._answers.get(b"%b?%b" % (head.path, head.query), known.state)
        if body is None:
            return "no_answer"
        caller = self._caller(head.headers.get(b"authorization"), asked.network, callers)
        if caller is None:
            return "caller_unknown"
        keys = [catalogue_token_key(), caller.bucket_key, *(key for key, _ in caller.entries)]
        values = (value for _, value in caller.entries)
        command = ("EVALSHA", SCRIPT_SHA, len(keys), *keys, known.state.token, *rate_of(caller), *values)
        return SharedJob(caller, body, command)

    def found(self, job: SharedJob, reply: Any) -> Found | None:
        """The held answer, if the script has allowed it."""
        if not isinstance(reply, list) or reply[0] != ANSWER:
            return None
        return Found(job.body, job.caller.log, reply[1])

    def learn(
        self, request: HttpRequest, response: HttpResponseBase, *, state: DatabaseState, until: Collection[float]
    ) -> None:
        """Holds Django's answer, unless it may be one person's. state: read before; until: when its parts expire."""
        query, body = request.META.get("QUERY_STRING", ""), getattr(response, "content", None)
        if body is None or response.status_code != 200 or dict(response.items()) != _HEADERS:
            return
        if len(query) > MAX_QUERY or (self._personal and (query or not _is_for_everyone(request))):
            return
        expires = min([time.time() + MAX_SECONDS, *until])
        if expires > time.time():
            self._answers.put(f"{request.path_info}?{query}".encode(), body, state, expires)

    def _caller(self, authorization: bytes | None, network: str | None, callers: Callers) -> Caller | None:
        """Who is counted: a key, the person of a token, or the address. Only a key is checked: see PublicView."""
        if authorization is None:
            return None if network is None else callers.guest(network)
        return callers.key(authorization) or (None if self._personal else callers.counted(authorization))


def _is_for_everyone(request: HttpRequest) -> bool:
    """Whether a request without a query names nobody, by a token or otherwise."""
    return "HTTP_AUTHORIZATION" not in request.META or isinstance(request.user, ClientCaller)


class SharedRoutes:
    """All shared routes, by path."""

    def __init__(self) -> None:
        self.answers = SharedAnswers()
        names = ("recommendations/popular", "recommendations/trending", "recommendations/latest")
        self._exact = {
            path: SharedRoute(path, self.answers)
            for path in (f"/api/{name}/" for name in (*names, "movies/search", "genres"))
        }
        self._page = SharedRoute("/api/movies/1/", self.answers, personal=True)
        self._similar = SharedRoute("/api/movies/1/similar/", self.answers)

    def all(self) -> list[SharedRoute]:
        return [*self._exact.values(), self._page, self._similar]

    def at(self, path: str) -> SharedRoute | None:
        """The route of a path, if it is a shared one."""
        found = self._exact.get(path)
        if found is not None or (movie := _MOVIE.fullmatch(path)) is None:
            return found
        return self._similar if movie[1] else self._page
