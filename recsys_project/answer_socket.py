"""A socket that keeps what its client does not take yet, so that the thread of the answer need not wait."""

import socket
import threading
from typing import Any

# What one connection, and all of a process, may keep. The thread of a longer answer waits until the client reads.
MAX_UNSENT = 4 * 1024 * 1024
MAX_UNSENT_OF_ALL = 64 * 1024 * 1024
# A client must take each block of an answer that is too long to be kept within this time.
BLOCK_SECONDS = 10.0
_BLOCK = 64 * 1024


class _Room:
    """The bytes that all sockets of the process may still keep; several threads take from it."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size


_room = _Room(MAX_UNSENT_OF_ALL)


class AnswerSocket(socket.socket):
    """``unsent`` is what the client has not taken; one thread or the main loop has the socket at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unsent = bytearray()

    def setblocking(self, flag: bool) -> None:
        """Blocking operations time out."""
        self.settimeout(BLOCK_SECONDS if flag else 0.0)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Sends what the client takes at once and keeps the rest; waits only if that is too much. Raises OSError."""
        rest = memoryview(data).cast("B")
        if not self.unsent:
            rest = rest[self._send_at_once(rest) :]
        if len(self.unsent) + len(rest) <= MAX_UNSENT and _room.take(len(rest)):
            self.unsent += rest
            return
        kept = bytes(self.unsent)
        self._forget(len(kept))
        for block in (memoryview(kept), rest):
            for start in range(0, len(block), _BLOCK):
                super().sendall(block[start : start + _BLOCK], flags)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Sends the file in blocks, as ``sendall``; without the kernel's copy, which waits for the client."""
        file.seek(offset)
        sent = 0
        while block := file.read(_BLOCK if count is None else min(_BLOCK, count - sent)):
            self.sendall(block)
            sent += len(block)
        return sent

    def send_on(self) -> None:
        """Sends of what is kept as much as the client takes at once. Raises OSError if the connection is gone."""
        self._forget(self._send_at_once(bytes(self.unsent[: 16 * _BLOCK])))

    def close(self) -> None:
        self._forget(len(self.unsent))
        super().close()

    def _send_at_once(self, data: bytes | memoryview) -> int:
        """Sends what the kernel takes without waiting, and returns how much. Python waits if there is a time-out."""
        timeout = self.gettimeout()
        self.settimeout(0.0)
        try:
            return self.send(data)
        except BlockingIOError:
            return 0
        finally:
            self.settimeout(timeout)

    def _forget(self, size: int) -> None:
        del self.unsent[:size]
        _room.give_back(size)
