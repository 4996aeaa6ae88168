"""Clients that write events, each until it is acknowledged, and note what they were refused."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException

from tests.functional.web_server import Answer, WebServer

# As long as a client tries one event, in seconds.
PATIENCE = 60


@dataclass(frozen=True)
class Refused:
    """An answer that is not 2xx, and when its request was sent and answered."""

    sent: float
    answered: float
    answer: Answer


class Writer:
    """A client that sends one event after the other, each under a key of its own until it is acknowledged."""

    def __init__(self, token: str, movie_id: int, site: list[WebServer], stop: threading.Event) -> None:
        self.token, self.movie_id, self.site, self.stop = token, movie_id, site, stop
        self.acknowledged: list[str] = []
        self.refused: list[Refused] = []

    def write(self) -> None:
        number = 0
        while not self.stop.is_set():
            self._send(str(number))
            number += 1

    def _send(self, key: str) -> None:
        body = {"movie": self.movie_id, "kind": "view"}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency_Key": key}
        until = time.monotonic() + PATIENCE
        while (sent := time.monotonic()) < until:
            try:
                answer = self.site[-1].request("POST", "/api/events/", body, **headers)
            except (OSError, HTTPException, AssertionError):
                time.sleep(0.05)
                continue
            if answer.status in (200, 201):
                self.acknowledged.append(answer.json()["event_id"])
                return
            self.refused.append(Refused(sent, time.monotonic(), answer))
            time.sleep(0.05)
        raise AssertionError(f"Nobody answered {key}.")


@contextmanager
def writing(tokens: list[str], movie_id: int, site: list[WebServer]) -> Iterator[list[Writer]]:
    """Clients that write until the block ends, and then end the event that they are at."""
    stop = threading.Event()
    writers = [Writer(token, movie_id, site, stop) for token in tokens]
    with ThreadPoolExecutor(len(writers)) as pool:
        done = [pool.submit(writer.write) for writer in writers]
        try:
            yield writers
        finally:
            stop.set()
        for one in done:
            one.result(timeout=PATIENCE)
