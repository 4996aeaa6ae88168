"""Connections to Redis that notice when it was restarted, and when it does not answer.

A Redis that comes back has forgotten the last second of what it was told, if not more, and heard nothing of what
happened while it was away; the lists it kept are there all the same. So whoever connects first to a Redis that was
started anew, or to the replica that took its place, says that every list kept in it may be wrong.

What a Redis that hangs costs is in movies.caching.redis_breaker.
"""

import secrets
import time
from typing import Any

from redis.connection import AbstractConnection, Connection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from movies.caching.redis_breaker import SLOW_SECONDS, CircuitBreaker
from movies.caching.version_tokens import CATALOGUE, TOKEN_SECONDS, token_key

RUN = "run"
# Keys: the run that was noticed last, the catalogue's token. Without a run nothing was kept before.
_NOTICE = """
local last = redis.call('get', KEYS[1])
if last ~= ARGV[1] then
    redis.call('set', KEYS[1], ARGV[1])
    if last then redis.call('set', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
end
return last
"""


class RestartDetectingPool(ConnectionPool):
    """redis-py's pool; each of its connections notices, before anything is asked of it. With Redis hung it gives none,
    but for one a second: it raises RedisAwayError."""

    def __init__(self, connection_class: type[AbstractConnection] = Connection, **options: Any) -> None:
        self.breaker = CircuitBreaker()
        watched = type(connection_class.__name__, (_Watched, connection_class), {"breaker": self.breaker})
        super().__init__(**{"connection_class": watched, "redis_connect_func": _connected, **options})

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """A connection that is open. Raises RedisAwayError at once where Redis gave no answer a moment ago."""
        self.breaker.check()
        return super().get_connection(*args, **options)


class _Watched:
    """What of a connection tells whether Redis answers; mixed into redis-py's classes."""

    breaker: CircuitBreaker

    def connect(self) -> None:
        began = time.monotonic()
        try:
            super().connect()  # type: ignore[misc]
        except RedisTimeoutError:
            self.breaker.failed()
            raise
        except RedisConnectionError:
            if time.monotonic() - began > SLOW_SECONDS:
                self.breaker.failed()
            raise

    def send_packed_command(self, *args: Any, **options: Any) -> None:
        try:
            super().send_packed_command(*args, **options)  # type: ignore[misc]
        except RedisTimeoutError:
            self.breaker.failed()
            raise

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            response = super().read_response(*args, **options)  # type: ignore[misc]
        except RedisTimeoutError:
            self.breaker.failed()
            raise
        except ResponseError:
            self.breaker.answered()
            raise
        self.breaker.answered()
        return response


def _connected(connection: AbstractConnection) -> None:
    connection.on_connect()
    try:
        run = _run_id(_answer(connection, "INFO", "server"))
    except ResponseError:  # A Redis that tells nobody.
        return
    keys = [token_key(RUN), token_key(CATALOGUE)]
    _answer(connection, "EVAL", _NOTICE, 2, *keys, run, secrets.token_hex(8), TOKEN_SECONDS)


def _answer(connection: AbstractConnection, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _run_id(info: bytes | str) -> str:
    """The random name of this run of the server, of what INFO says."""
    text = info if isinstance(info, str) else info.decode()
    return next((line.partition(":")[2] for line in text.splitlines() if line.startswith("run_id:")), "")
