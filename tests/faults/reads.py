"""People who read lists all the time, and what they got: status, seconds, version and movies."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

LIST = "/api/recommendations/"
PATHS = (LIST, "/api/recommendations/popular/", "/api/movies/", "/api/genres/")


@dataclass(frozen=True, slots=True)
class Read:
    """One request: who asked, when (seconds since 1970), how long, and the answer; status 0: cut off."""

    reader: int
    path: str
    sent: float
    seconds: float
    status: int
    version: int | None = None
    movies: tuple[int, ...] = ()


@dataclass
class Reads:
    """All requests so far."""

    done: list[Read] = field(default_factory=list)

    def failed(self, *, since: float = 0.0) -> list[Read]:
        """Those not answered by 200, of those sent after ``since``."""
        return [read for read in list(self.done) if read.sent >= since and read.status != 200]

    def worst(self, quantile: float = 1.0, *, since: float = 0.0, until: float = float("inf")) -> float:
        """The quantile of the seconds of those sent in this time."""
        times = sorted(read.seconds for read in list(self.done) if since <= read.sent < until)
        assert times
        return times[min(len(times) - 1, int(quantile * len(times)))]

    def lists(self) -> dict[tuple[int, int | None], set[tuple[int, ...]]]:
        """The different lists that each reader was shown of each version."""
        shown: dict[tuple[int, int | None], set[tuple[int, ...]]] = {}
        for read in list(self.done):
            if read.path == LIST and read.status == 200:
                shown.setdefault((read.reader, read.version), set()).add(read.movies)
        return shown


@contextmanager
def reading(url: str, tokens: list[str], *, paths: tuple[str, ...] = PATHS, pause: float = 0.02) -> Iterator[Reads]:
    """One reader for each token asks for these paths in turn until the block ends."""
    reads, stop = Reads(), threading.Event()
    address = urlsplit(url).netloc
    threads = [
        threading.Thread(target=_read, args=(_Reader(number, address, token, paths, pause), stop, reads))
        for number, token in enumerate(tokens)
    ]
    for thread in threads:
        thread.start()
    try:
        yield reads
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


@dataclass(frozen=True, slots=True)
class _Reader:
    number: int
    address: str
    token: str
    paths: tuple[str, ...]
    pause: float


def _read(reader: _Reader, stop: threading.Event, reads: Reads) -> None:
    connection = HTTPConnection(reader.address, timeout=30)
    turn = 0
    while not stop.is_set():
        path = reader.paths[turn % len(reader.paths)]
        turn += 1
        sent, started = time.time(), time.perf_counter()
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {reader.token}"})
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, HTTPException):
            connection.close()
            status, body = 0, b""
        seconds = time.perf_counter() - started
        version, movies = _list(body) if path == LIST and status == 200 else (None, ())
        reads.done.append(Read(reader.number, path, sent, seconds, status, version, movies))
        stop.wait(reader.pause)
    connection.close()


def _list(body: bytes) -> tuple[int | None, tuple[int, ...]]:
    shown = json.loads(body)
    return shown["model_version"], tuple(item["movie"]["id"] for item in shown["items"])
