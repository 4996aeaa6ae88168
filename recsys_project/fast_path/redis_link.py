"""A connection to Redis that never blocks: commands go out together, and replies come back in their order."""

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError

_BLOCK = 256 * 1024
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class RedisLink:
    """Takes over a connection of redis-py that is open, authenticated and without anything on its way."""

    def __init__(self, connection: Any, run_id: str) -> None:
        self.run_id = run_id
        self._connection = connection  # Would be closed if nobody held it.
        self._sock = connection._sock
        self._sock.setblocking(False)
        self._reader = hiredis.Reader()
        self._outgoing = bytearray()
        self._waiting: deque[Callable[[Any], None]] = deque()

    def fileno(self) -> int:
        return int(self._sock.fileno())

    @property
    def unsent(self) -> bool:
        return bool(self._outgoing)

    def queue(self, command: tuple[Any, ...], done: Callable[[Any], None]) -> None:
        """Adds a command to what ``flush`` sends; ``done`` gets its reply, or an error of hiredis."""
        self._outgoing += hiredis.pack_command(command)
        self._waiting.append(done)

    def flush(self) -> None:
        """Sends what fits. Raises OSError."""
        if not self._outgoing:
            return
        try:
            del self._outgoing[: self._sock.send(self._outgoing)]
        except _LATER:
            return

    def read(self) -> None:
        """Hands out the replies that have arrived. Raises OSError, and RedisConnectionError at the end."""
        while True:
            try:
                data = self._sock.recv(_BLOCK)
            except _LATER:
                break
            if not data:
                raise RedisConnectionError("Redis closed the connection.")
            self._reader.feed(data)
            if len(data) < _BLOCK and not isinstance(self._sock, ssl.SSLSocket):
                break
        while (reply := self._reader.gets()) is not False:
            if not isinstance(reply, hiredis.PushNotification):
                self._waiting.popleft()(reply)

    def close(self) -> None:
        self._waiting.clear()
        self._connection.disconnect()
