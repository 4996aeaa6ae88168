"""Connections to Redis that notice when it was started anew.

A Redis that comes back has forgotten the last second of what it was told, if not more, and heard nothing of what
happened while it was away; the lists it kept are there all the same. So whoever connects first to a Redis that was
started anew, or to the replica that took its place, says that every list kept in it may be wrong.
"""

import secrets
from typing import Any

from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ResponseError

from movies.stamps import CATALOGUE, STAMP_SECONDS, stamp_key

RUN = "run"
# Keys: the run that was noticed last, the catalogue's stamp. Without a run nothing was kept before.
_NOTICE = """
local last = redis.call('get', KEYS[1])
if last ~= ARGV[1] then
    redis.call('set', KEYS[1], ARGV[1])
    if last then redis.call('set', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
end
return last
"""


class NoticingPool(ConnectionPool):
    """redis-py's pool; each of its connections notices, before anything is asked of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"redis_connect_func": _connected, **options})


def _connected(connection: AbstractConnection) -> None:
    connection.on_connect()
    try:
        run = _run_id(_answer(connection, "INFO", "server"))
    except ResponseError:  # A Redis that tells nobody.
        return
    keys = [stamp_key(RUN), stamp_key(CATALOGUE)]
    _answer(connection, "EVAL", _NOTICE, 2, *keys, run, secrets.token_hex(8), STAMP_SECONDS)


def _answer(connection: AbstractConnection, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _run_id(info: bytes | str) -> str:
    """The random name of this run of the server, of what INFO says."""
    text = info if isinstance(info, str) else info.decode()
    return next((line.partition(":")[2] for line in text.splitlines() if line.startswith("run_id:")), "")
