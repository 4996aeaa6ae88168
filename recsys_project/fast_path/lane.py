"""The lane of one web process: requests in, one batch of scripts to Redis, answers out, all in the main loop."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from redis.exceptions import RedisError

from movies.caching.version_tokens import has_pending
from recommendations.retrieval.database_state import CACHE_SECONDS
from recsys_project.client_address import network_of
from recsys_project.fast_path import lists, shared
from recsys_project.fast_path.callers import Caller, Callers
from recsys_project.fast_path.heads import Head, read_head
from recsys_project.fast_path.misses import Computed, compute, is_miss
from recsys_project.fast_path.records import Records
from recsys_project.fast_path.redis_link import RedisLink
from recsys_project.fast_path.responses import Responses, limit_headers, middleware_is_known
from recsys_project.fast_path.routes import Asked, Found, Job, Known, Route, outcome
from recsys_project.middleware import REQUEST_ID

logger = structlog.get_logger(__name__)

# How long Redis may take to answer before its requests go to Django.
REPLY_SECONDS: float = settings.REDIS_TIMEOUT
# Redis must have them before the first request; they are called by their hashes.
SCRIPTS = (lists.SCRIPT, shared.SCRIPT)
_TARGET = re.compile(rb"GET (/api/[a-z0-9/-]{1,60})[ ?]")
_LISTS = "/api/recommendations/"
_MICROSECONDS = 1_000_000
# Outcomes with which a list came from the cache; others are counted where they are computed.
_HITS = ("answered", "access_read")
_MAX_HOSTS = 1000


class Connection(Protocol):
    """What the lane needs of a web worker's connection: the request's bytes, and the address that they came from."""

    reader: Any
    client: Any


# Called with a connection and its answer, or None if Django has to answer.
Done = Callable[[Any, bytes | None], None]
# Runs the first in a thread, then the second with its result in the main loop.
InThread = Callable[[Callable[[], Computed | None], Callable[[Computed | None], None]], None]


@dataclass(slots=True)
class _Waiting:
    connection: Connection
    route: Route
    job: Job
    began: float
    request_id: str
    # Whether the answer is still wanted.
    open: bool = True


class Lane:
    """``known`` and ``callers`` are what the watch found last; None while nothing can be answered here."""

    def __init__(self, done: Done, in_thread: InThread) -> None:
        self.known: Known | None = None
        self.callers: Callers | None = None
        self.link: RedisLink | None = None
        # Called when Redis answers too late, or not at all.
        self.on_lost: Callable[[bool], None] = lambda slow: None
        self._done = done
        self._in_thread = in_thread
        self._waiting: dict[int, _Waiting] = {}
        self.shared = shared.SharedRoutes()
        self._lists = lists.ListRoute()
        self._https = settings.SECURE_PROXY_SSL_HEADER
        self._secure = self._https is not None
        routes: list[Route] = [self._lists, *self.shared.all()]
        self._responses = {
            (one.route, guest): Responses(_LISTS, one.headers, secure=self._secure, authorized=not guest)
            for one in routes
            for guest in (False, True)
        }
        self._records = Records()
        # Whether a connection's address is its client's, or that of a proxy in front of the site.
        self.sees_addresses = True
        self._hosts: dict[bytes, bool] = {}

    @staticmethod
    def is_possible() -> bool:
        """Whether the settings leave the lane nothing to get wrong."""
        return middleware_is_known() and not settings.USE_X_FORWARDED_HOST and not settings.DISALLOWED_USER_AGENTS

    def offer(self, connection: Connection) -> bool:
        """Takes a complete request, if it can be answered here; ``done`` is called once it is."""
        reader = connection.reader
        route = self._route_of(reader.buffer)
        if route is None:
            return False
        link, known, callers, began = self.link, self.known, self.callers, time.monotonic()
        if link is None or known is None or callers is None or has_pending():
            self._records.count("not_ready")
            return False
        if began - known.state.read_at >= CACHE_SECONDS:
            self._records.count("state_too_old")
            return False
        head = read_head(reader.head()) if reader.length == 0 else None
        if head is None or not self._is_for_us(head):
            self._records.count("unusual")
            return False
        given = head.headers.get(b"x-request-id", b"").decode()
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid4())
        job = route.job(Asked(head, request_id, self._network(connection, head)), callers, known)
        if isinstance(job, str):
            self._records.count(job)
            return False
        waiting = _Waiting(connection, route, job, began, request_id)
        self._waiting[id(waiting)] = waiting
        link.queue(job.command, lambda reply: self._replied(waiting, reply))
        return True

    def flush(self) -> None:
        """Sends what was offered, and writes what was answered. Call it once the loop has handled its events."""
        if self.link is not None:
            try:
                self.link.flush()
            except OSError:
                self.lost(slow=False)
        self._records.write()

    def read(self) -> None:
        """Redis has replied."""
        if self.link is None:
            return
        try:
            self.link.read()
        except (OSError, RedisError):
            self.lost(slow=False)

    def expire(self) -> None:
        """Gives requests to Django whose reply is late. Call it at least every REPLY_SECONDS while ``is_waiting``."""
        first = next(iter(self._waiting.values()), None)
        if first is not None and time.monotonic() - first.began > REPLY_SECONDS:
            self.lost(slow=True)

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def has_records(self) -> bool:
        return self._records.unwritten

    def lost(self, *, slow: bool) -> None:
        """The connection is of no use any more: all requests that wait go to Django."""
        link, self.link = self.link, None
        self.on_lost(slow)
        if link is not None:
            link.close()
        waiting, self._waiting = list(self._waiting.values()), {}
        for one in waiting:
            one.open = False
            self._records.count("redis_away")
            self._done(one.connection, None)

    def close(self) -> None:
        """Writes what is not written yet."""
        self._records.write(now=True)

    def _replied(self, waiting: _Waiting, reply: Any) -> None:
        self._waiting.pop(id(waiting), None)
        if not waiting.open:
            return
        job = waiting.job
        if isinstance(job, lists.ListJob) and is_miss(job, reply):
            self._in_thread(lambda: compute(job, reply), lambda computed: self._computed(waiting, job, computed))
        else:
            self._finish(waiting, outcome(reply), lambda: waiting.route.found(job, reply))

    def _computed(self, waiting: _Waiting, job: lists.ListJob, computed: Computed | None) -> None:
        """A thread has computed the list, or found who asks; or has left the request to Django."""
        if computed is None:
            self._finish(waiting, "not_computed", lambda: None)
        elif computed.page is None:
            self._finish(waiting, "access_read", lambda: self._lists.found(job, computed.reply))
        else:
            page = computed.page
            self._lists.keep(job, page)
            self._finish(waiting, "computed", lambda: lists.page_found(job, page, computed.reply[1], computed.log))

    def _finish(self, waiting: _Waiting, word: str, find: Callable[[], Found | None]) -> None:
        """Answers with what is found, or leaves the request to Django. word: the outcome to count."""
        try:
            found = find()
            answer = None if found is None else self._answer(waiting, found, cached=word != "computed")
        except Exception:
            logger.exception("fast_path_failed")
            answer = None
        if answer is not None and word in _HITS and waiting.route is self._lists:
            self._records.count_hit()
        self._records.count(word)
        self._done(waiting.connection, answer)

    def _answer(self, waiting: _Waiting, found: Found, *, cached: bool) -> bytes:
        caller = waiting.job.caller
        responses = self._responses[waiting.route.route, caller.is_guest]
        limit = _limit(caller, found.fill)
        given = {"limit": limit, "etag": found.etag, "request_id": waiting.request_id}
        if found.not_modified:
            answer, status = responses.not_modified(**given), 304  # type: ignore[arg-type]
        else:
            answer, status = responses.found(found.body, **given), 200  # type: ignore[arg-type]
        self._record(waiting, found, status, cached=cached)
        return answer

    def _record(self, waiting: _Waiting, found: Found, status: int, *, cached: bool) -> None:
        seconds = time.monotonic() - waiting.began
        given = {"status": status, "seconds": seconds, "members": found.log, "cached": cached}
        self._records.add(waiting.route, request_id=waiting.request_id, **given)  # type: ignore[arg-type]

    def _route_of(self, data: bytearray) -> Route | None:
        """The route of a request, if it is answered here."""
        target = _TARGET.match(data)
        if target is None:
            return None
        path = target[1].decode()
        return self._lists if path == _LISTS else self.shared.at(path)

    def _network(self, connection: Connection, head: Head) -> str | None:
        """What limits count of a client without a token; None if the connection does not say."""
        if not self.sees_addresses:
            return None
        client = connection.client
        direct = client[0] if isinstance(client, tuple) else client.decode() if isinstance(client, bytes) else client
        return network_of(direct, head.headers.get(b"x-forwarded-for", b"").decode())

    def _is_for_us(self, head: Head) -> bool:
        """Whether the request names a host of this site, and came by HTTPS where it has to."""
        if not self._is_allowed(head.headers.get(b"host", b"")):
            return False
        if self._https is None:
            return not settings.SECURE_SSL_REDIRECT
        name, value = self._https
        sent = head.headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode(), b"")
        return sent.partition(b",")[0].strip().decode() == value

    def _is_allowed(self, host: bytes) -> bool:
        allowed = self._hosts.get(host)
        if allowed is None:
            domain, _ = split_domain_port(host.decode())
            allowed = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
            if len(self._hosts) < _MAX_HOSTS:
                self._hosts[host] = allowed
        return allowed


def _limit(caller: Caller, fill: int) -> bytes:
    """The headers of the caller's bucket, full in ``fill`` microseconds; see token_bucket._state."""
    if caller.bucket is None:
        return b""
    rate = caller.bucket.rate
    remaining = max(0, (rate.interval * rate.burst - fill) // rate.interval)
    return limit_headers(caller.policy, rate.burst, rate.fill_seconds, remaining, math.ceil(fill / _MICROSECONDS))
