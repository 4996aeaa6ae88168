"""Acknowledged events are there, exactly once, whatever is killed or restarted meanwhile.

Larger: ``LEDGER_KILLS=10 LEDGER_CLIENTS=20 LEDGER_RESTARTS=4`` with this file.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from accounts.tokens import AccessToken
from events.models import Interaction
from recsys_project.embedded import addresses, owner
from recsys_project.embedded.processes import processes_in, wait_until
from tests.factories import make_user, some_movie
from tests.functional.store import Store
from tests.functional.web_server import Answer, WebServer, error_of, web_server

CLIENTS = int(os.environ.get("LEDGER_CLIENTS", "6"))
# Every second one kills the first process of the web server, the others one of its web processes.
KILLS = int(os.environ.get("LEDGER_KILLS", "4"))
# Every second one is a crash of PostgreSQL, the others are orderly.
RESTARTS = int(os.environ.get("LEDGER_RESTARTS", "2"))
# As long as a client tries one event, in seconds.
PATIENCE = 60
# Makes the tables of an empty database, a movie and the clients; prints their tokens and the movie's id.
SET_UP = """
import json, sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.tokens import AccessToken
from tests.factories import make_movie, make_user
tokens = [str(AccessToken.for_user(make_user())) for _ in range(int(sys.argv[1]))]
print(json.dumps({"tokens": tokens, "movie_id": make_movie().pk}))
"""


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


def server_environment(**more: str) -> dict[str, str]:
    return {
        "RATELIMIT_ENABLE": "false",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        **more,
    }


@pytest.mark.django_db(transaction=True)
def test_an_acknowledged_event_survives_kills_exactly_once(tmp_path: Path):
    tokens = [str(AccessToken.for_user(make_user())) for _ in range(CLIENTS)]
    site: list[WebServer] = []
    killed = {"web process": 0, "first process": 0}
    with ExitStack() as servers:

        def start() -> None:
            folder = tmp_path / str(len(site))
            folder.mkdir()
            site.append(servers.enter_context(web_server(folder, **server_environment())))

        start()
        with writing(tokens, some_movie().pk, site) as writers:
            for number in range(KILLS):
                time.sleep(1)
                if number % 2:
                    assert site[-1].workers()
                    site[-1].process.kill()
                    site[-1].process.wait()
                    start()
                    killed["first process"] += 1
                else:
                    os.kill(site[-1].workers()[0], signal.SIGKILL)
                    killed["web process"] += 1
            time.sleep(1)
    stored = [str(event_id) for event_id in Interaction.objects.values_list("event_id", flat=True)]
    acknowledged = [event_id for writer in writers for event_id in writer.acknowledged]
    refused = [each.answer.status for writer in writers for each in writer.refused]
    print(f"{len(acknowledged)} events of {CLIENTS} clients; killed: {killed}; refused: {len(refused)}")  # noqa: T201
    assert len(acknowledged) > CLIENTS
    assert sorted(acknowledged) == sorted(stored)
    assert set(refused) <= {503}


@pytest.fixture
def own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a PostgreSQL that only this test uses."""
    monkeypatch.setenv("RECSYS_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("RECSYS_EMBEDDED_FSYNC", "off")  # A power cut is not what is tested.
    owner.start([owner.POSTGRES])
    yield addresses.database_url()
    owner.stop([owner.POSTGRES])
    # Root's data may lie outside the temporary folder, where pytest would leave it.
    if addresses.data_dir().is_relative_to(addresses.ROOT_DATA_DIR):
        shutil.rmtree(addresses.data_dir(), ignore_errors=True)


def restart_database(*, crash: bool) -> tuple[float, float]:
    """Stops PostgreSQL in order or by kills, starts it after a while; when it began and ended to be away."""
    began = time.monotonic()
    if crash:
        data = addresses.data_dir() / "postgres"
        for process in processes_in(data, "postgres"):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert wait_until(lambda: not processes_in(data, "postgres"), 10)
    else:
        owner.stop([owner.POSTGRES])
    time.sleep(1)
    owner.start([owner.POSTGRES])
    return began, time.monotonic()


def test_an_acknowledged_event_survives_database_restarts(own_database: str, tmp_path: Path):
    store_folder, web_folder = tmp_path / "r", tmp_path / "w"
    store_folder.mkdir()
    web_folder.mkdir()
    command = [sys.executable, "-c", SET_UP, str(CLIENTS)]
    environment = os.environ | {"DATABASE_URL": own_database}
    made = json.loads(subprocess.check_output(command, env=environment, cwd=settings.BASE_DIR))
    store = Store(store_folder)
    away: list[tuple[float, float]] = []
    try:
        given = server_environment(DATABASE_URL=own_database, DATABASE_POOL_TIMEOUT="1", REDIS_URL=store.url)
        with web_server(web_folder, **given) as server, writing(made["tokens"], made["movie_id"], [server]) as writers:
            for number in range(RESTARTS):
                time.sleep(1)
                away.append(restart_database(crash=bool(number % 2)))
            time.sleep(2)
    finally:
        store.kill()
    with psycopg.connect(own_database) as connection:
        stored = [str(event_id) for (event_id,) in connection.execute("SELECT event_id FROM events_interaction")]
    acknowledged = [event_id for writer in writers for event_id in writer.acknowledged]
    refused = [each for writer in writers for each in writer.refused]
    print(f"{len(acknowledged)} events, {len(refused)} refused in {RESTARTS} restarts")  # noqa: T201
    assert sorted(acknowledged) == sorted(stored)
    assert refused
    for each in refused:
        assert error_of(each.answer, 503)["code"] == "service_unavailable"
        assert int(each.answer.headers["Retry-After"]) > 0
        assert any(each.answered > began and each.sent < ended for began, ended in away), (each, away)
