"""Acknowledged events are there, exactly once, whatever is killed meanwhile.

Larger: ``LEDGER_KILLS=10 LEDGER_CLIENTS=20`` with this file.
"""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from accounts.tokens import AccessToken
from events.models import Interaction
from tests.factories import make_movie, make_user
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = int(os.environ.get("LEDGER_CLIENTS", "6"))
KILLS = int(os.environ.get("LEDGER_KILLS", "3"))
# As long as a client tries one event, in seconds.
PATIENCE = 60


class Writer:
    """A client that sends one event after the other, each under a key of its own until it is acknowledged."""

    def __init__(self, person: User, movie_id: int, site: list[WebServer], stop: threading.Event) -> None:
        self.person, self.movie_id, self.site, self.stop = person, movie_id, site, stop
        self.token = str(AccessToken.for_user(person))
        self.acknowledged: list[str] = []
        self.odd: list[int] = []

    def write(self) -> None:
        number = 0
        while not self.stop.is_set():
            self._send(f"{self.person.pk}-{number}")
            number += 1

    def _send(self, key: str) -> None:
        body = {"movie": self.movie_id, "kind": "view"}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency_Key": key}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                answer = self.site[-1].request("POST", "/api/events/", body, **headers)
            except (OSError, HTTPException, AssertionError):
                time.sleep(0.05)
                continue
            if answer.status in (200, 201):
                self.acknowledged.append(answer.json()["event_id"])
                return
            self.odd.append(answer.status)
            time.sleep(0.05)
        raise AssertionError(f"Nobody answered {key}.")


def test_an_acknowledged_event_survives_kills_exactly_once(tmp_path: Path):
    movie, stop = make_movie(), threading.Event()
    site: list[WebServer] = []
    environment = {
        "RATELIMIT_ENABLE": "false",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
    }
    with ThreadPoolExecutor(CLIENTS) as pool:
        with web_server(tmp_path, **environment) as first:
            site.append(first)
            writers = [Writer(make_user(), movie.pk, site, stop) for _ in range(CLIENTS)]
            done = [pool.submit(writer.write) for writer in writers]
            for _ in range(KILLS):
                time.sleep(1)
                os.kill(first.workers()[0], signal.SIGKILL)
            time.sleep(1)
            orphans = first.workers()
            first.process.kill()
            first.process.wait()
        second_folder = tmp_path / "second"
        second_folder.mkdir()
        with web_server(second_folder, **environment) as second:
            site.append(second)
            time.sleep(2)
            stop.set()
            for one in done:
                one.result(timeout=PATIENCE)
    stored = [str(event_id) for event_id in Interaction.objects.values_list("event_id", flat=True)]
    acknowledged = [event_id for writer in writers for event_id in writer.acknowledged]
    assert orphans
    assert len(acknowledged) > CLIENTS
    assert sorted(acknowledged) == sorted(stored)
    assert {status for writer in writers for status in writer.odd} <= {503}
