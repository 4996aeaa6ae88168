"""Clients that ask again and again, over kept and new connections, and note what became of each request."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Load:
    """How many requests were answered, how many connections refused, and what went wrong with the others."""

    answered: int = 0
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, outcome: str) -> None:
        with self._lock:
            self.answered += outcome == "200"
            self.refused += outcome == "refused"
            if outcome not in ("200", "refused"):
                self.failed.append(outcome)


@contextmanager
def load(url: str, path: str, *, clients: int = 3) -> Iterator[Load]:
    """The given number of clients of each kind ask until the block ends."""
    noted, stop = Load(), threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(urlsplit(url).netloc, path, kept, stop, noted))
        for kept in (False, True)
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield noted
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask(address: str, path: str, kept: bool, stop: threading.Event, noted: Load) -> None:
    connection = http.client.HTTPConnection(address, timeout=60)
    while not stop.is_set():
        try:
            if connection.sock is None:
                connection.connect()
        except ConnectionRefusedError:
            noted.note("refused")
            stop.wait(0.05)
            continue
        except OSError as error:
            noted.note(repr(error))
            continue
        try:
            connection.request("GET", path, headers={"Connection": "keep-alive" if kept else "close"})
            answer = connection.getresponse()
            answer.read()
            noted.note(str(answer.status))
            # Without a pause they would take the processors from the server that starts.
            stop.wait(0.02)
        except (OSError, http.client.HTTPException) as error:
            noted.note(repr(error))
            connection.close()
    connection.close()
