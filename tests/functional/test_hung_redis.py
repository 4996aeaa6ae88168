"""A Redis that takes connections and answers nobody costs a process one time-out, however many requests come."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import PASSWORD
from tests.functional.store import Store
from tests.functional.web_server import WebServer, error_of, web_server

pytestmark = pytest.mark.django_db(transaction=True)
READS = ["/api/movies/", "/api/recommendations/popular/", "/api/genres/"] * 10
SIGN_IN = ("POST", "/api/auth/token/", {"email": "nobody@x.org", "password": PASSWORD})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    # A socket's path is short.
    running = Store(tmp_path_factory.mktemp("r"))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def server(
    store: Store,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: pytest.FixtureRequest,
) -> Iterator[WebServer]:
    environment = {"REDIS_URL": store.url, "WEB_CONCURRENCY": "1", "RATE_LIMIT_ANONYMOUS": "10000/m:10000"}
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def logged(server: WebServer, event: str, **fields: Any) -> int:
    """How many lines of the log have this event and these fields."""
    return sum(line["event"] == event and fields.items() <= line.items() for line in server.log_lines())


def test_a_hang_costs_one_time_out_and_reads_go_on(server, store):
    assert server.request(*SIGN_IN).status == 401
    with store.hung():
        assert {server.request("GET", path).status for path in READS} == {200}
        assert error_of(server.request(*SIGN_IN), 503)["code"] == "service_unavailable"
        time.sleep(1)  # The process asks Redis several times meanwhile.
        assert {server.request("GET", path).status for path in READS} == {200}
        assert server.request("GET", "/health/live").status == 200
    deadline = time.monotonic() + 20
    while logged(server, "redis_answers_again") == 0 and time.monotonic() < deadline:
        time.sleep(0.05)

    assert server.request(*SIGN_IN).status == 401
    assert logged(server, "redis_does_not_answer") == logged(server, "redis_answers_again") == 1
    # The first read waited; no other of the 60 did.
    assert logged(server, "rate_not_counted", reason="TimeoutError") == 1
    assert logged(server, "rate_not_counted", reason="RedisUnavailableError") >= len(READS) * 2 - 1
