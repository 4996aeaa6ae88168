"""Four web processes, one of which is killed: no request is missing in the counts, and none is counted twice."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
HALF = 500
PATH = "/api/genres/"
# How long the fast path adds up before it writes.
FLUSH = 0.5


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    with django_db_blocker.unblock(), web_server(folder, RATELIMIT_ENABLE="false", WEB_CONCURRENCY="4") as running:
        yield running


def ask(server: WebServer, times: int, **headers: str) -> None:
    """Asks over eight connections that stay open; every answer must be 200."""

    def over_one(count: int) -> list[int]:
        connection = HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        statuses = []
        for _ in range(count):
            connection.request("GET", PATH, headers=headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    shares = [times // 8 + (one < times % 8) for one in range(8)]
    with ThreadPoolExecutor(8) as pool:
        statuses = [status for found in pool.map(over_one, shares) for status in found]
    assert statuses == [200] * times


def sample(server: WebServer, name: str) -> float:
    time.sleep(FLUSH)
    lines = server.request("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def await_that(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("headers", [{}, {"Cookie": "a=b"}], ids=["fast path", "Django"])
def test_a_killed_process_loses_no_count(server: WebServer, headers: dict[str, str]):
    counted, by_lane = 'recsys_http_requests_total{route="genres",status="2xx"}', "recsys_fast_path_requests_total"
    ask(server, 8, **headers)
    before, lane_before = sample(server, counted), sample(server, by_lane + '{outcome="answered"}')

    ask(server, HALF, **headers)
    time.sleep(FLUSH)
    killed = server.workers()[0]
    os.kill(killed, signal.SIGKILL)
    await_that(lambda: killed not in server.workers() and len(server.workers()) == 4)
    ask(server, HALF, **headers)

    assert sample(server, counted) - before == 2 * HALF
    lane = sample(server, by_lane + '{outcome="answered"}') - lane_before
    assert lane > HALF if not headers else lane == 0
    # What the killed process has counted is in the file of the ended ones.
    assert not list(Path(server.log.parent).rglob(f"*_{killed}.db"))
