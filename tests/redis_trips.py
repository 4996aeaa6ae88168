"""Records the round trips to Redis of the calling process, by the commands that each one sends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.connection import AbstractConnection

# The name of each command in what is sent: a count of parts, then the name with its length.
_NAME = re.compile(rb"\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n")


@contextmanager
def recorded_trips() -> Iterator[list[str]]:
    """Fills the list until the block ends: one entry for each time that commands are sent, as in ``GET`` or
    ``MULTI GET EXEC``."""
    trips: list[str] = []
    sent = AbstractConnection.send_packed_command

    def send(self: Any, command: Any, *args: Any, **options: Any) -> Any:
        data = command if isinstance(command, bytes) else b"".join(command)
        trips.append(" ".join(name.decode().upper() for name in _NAME.findall(data)))
        return sent(self, command, *args, **options)

    AbstractConnection.send_packed_command = send  # type: ignore[method-assign]
    try:
        yield trips
    finally:
        AbstractConnection.send_packed_command = sent  # type: ignore[method-assign]
