"""Acknowledged events are there, exactly once, whatever process is killed meanwhile.

Larger: ``LEDGER_KILLS=10 LEDGER_CLIENTS=20`` with this file. Restarts of PostgreSQL are in test_services_away.
"""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings

from accounts.tokens import AccessToken
from events.models import Interaction
from tests.factories import make_user, some_movie
from tests.faults.writers import writing
from tests.functional.web_server import WebServer, web_server

CLIENTS = int(os.environ.get("LEDGER_CLIENTS", "6"))
# Every second one kills the first process of the web server, the others one of its web processes.
KILLS = int(os.environ.get("LEDGER_KILLS", "2"))


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
