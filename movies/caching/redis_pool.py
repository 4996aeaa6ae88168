"""Redis connections that detect a restarted Redis and one that does not answer.

A restarted Redis has lost at least its last second of writes and all tokens set while it was down, but still holds the
cached lists. So the first connection to a restarted Redis, or to the replica that replaced it, invalidates all lists
cached there.

movies.caching.redis_breaker describes what happens while Redis hangs.
"""

import secrets
import time
import weakref
from typing import Any

from redis.connection import AbstractConnection, Connection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from movies.caching.redis_breaker import SLOW_SECONDS, CircuitBreaker
from movies.caching.version_tokens import CATALOGUE, TOKEN_SECONDS, token_key

RUN_ID = "run"
# Keys: the run id seen last, the catalogue's token. Arguments: the run id now, a new token, its lifetime in seconds.
# Without a run id in Redis nothing was cached before, so nothing is invalidated.
_DETECT_RESTART = """
local last = redis.call('get', KEYS[1])
if last ~= ARGV[1] then
    redis.call('set', KEYS[1], ARGV[1])
    if last then redis.call('set', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
end
return last
"""


class RestartDetectingPool(ConnectionPool):
    """redis-py's pool, whose new connections check for a restart before their first command.

    While Redis hangs, it gives no connection and raises RedisUnavailableError at once.
    """

    def __init__(self, connection_class: type[AbstractConnection] = Connection, **options: Any) -> None:
        itself = weakref.ref(self)  # The breaker's thread must not keep a pool alive that nobody uses any more.
        self.breaker = CircuitBreaker(lambda: _ping(itself()))
        monitored = type(connection_class.__name__, (_MonitoredConnection, connection_class), {"breaker": self.breaker})
        super().__init__(**{"connection_class": monitored, "redis_connect_func": _on_connect, **options})

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """An open connection. Raises RedisUnavailableError at once while the circuit breaker is open."""
        self.breaker.check()
        return super().get_connection(*args, **options)


class _MonitoredConnection:
    """Mixed into redis-py's connection classes: reports to the circuit breaker whether Redis answers."""

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


def _ping(pool: RestartDetectingPool | None) -> bool:
    """Asks Redis for a sign of life. Returns whether there is a pool to ask for; raises what redis-py raises."""
    if pool is None:
        return False
    connection = pool.get_connection()
    try:
        _execute(connection, "PING")
    except (RedisError, OSError):
        connection.disconnect()
        raise
    finally:
        pool.release(connection)
    return True


def _on_connect(connection: AbstractConnection) -> None:
    connection.on_connect()
    try:
        run_id = _run_id(_execute(connection, "INFO", "server"))
    except ResponseError:  # INFO is not allowed on this Redis.
        return
    keys = [token_key(RUN_ID), token_key(CATALOGUE)]
    _execute(connection, "EVAL", _DETECT_RESTART, 2, *keys, run_id, secrets.token_hex(8), TOKEN_SECONDS)


def _execute(connection: AbstractConnection, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _run_id(info: bytes | str) -> str:
    """The run id in the reply of INFO: random for each start of the server; empty if there is none."""
    text = info if isinstance(info, str) else info.decode()
    return next((line.partition(":")[2] for line in text.splitlines() if line.startswith("run_id:")), "")
