"""A Redis that hangs or comes back with old data stops no list, and gives nobody access who has lost it."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.conf import settings
from django.db import connection

from accounts.tokens import AccessToken
from tests.factories import make_user, some_popular
from tests.functional.cinema import LIST, Line
from tests.functional.store import Store
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    # A socket's path is short.
    running = Store(tmp_path_factory.mktemp("r"))
    yield running
    running.kill()


@pytest.fixture
def server(store: Store, tmp_path, django_db_setup) -> Iterator[WebServer]:
    environment = {
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        "REDIS_URL": store.url,
        "WEB_CONCURRENCY": "1",
        "RATELIMIT_ENABLE": "false",
    }
    with web_server(tmp_path, **environment) as running:
        some_popular(5)
        yield running


def answered(server: WebServer) -> float:
    """How many requests the fast path has answered."""
    time.sleep(0.4)
    found = re.search(rb'fast_path_requests_total\{outcome="answered"\} (\S+)', server.request("GET", "/metrics").body)
    return float(found[1]) if found is not None else 0.0


def read(server: WebServer, token: str) -> int:
    """The status of the person's list, asked for by a client that keeps its connection."""
    line = Line(server)
    try:
        return line.ask("GET", LIST, Authorization=f"Bearer {token}").status
    finally:
        line.close()


def await_fast(server: WebServer, token: str) -> None:
    """Asks until the fast path answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        before = answered(server)
        assert read(server, token) == 200
        if answered(server) > before:
            return
    raise AssertionError(server.log.read_text()[-3000:])


def test_lists_are_answered_while_redis_hangs_and_after(server, store):
    token = str(AccessToken.for_user(make_user()))
    await_fast(server, token)

    with store.hung():
        for _ in range(5):
            assert read(server, token) == 200
        # Its process asks Redis, in vain.
        time.sleep(1)
        assert read(server, token) == 200

    await_fast(server, token)
    events = [line["event"] for line in server.log_lines()]
    assert events.count("fast_path_off") == events.count("fast_path_on_again") == 1
    assert "fast_path_failed" not in events


def test_a_redis_that_is_killed_is_found_again(server, store):
    token = str(AccessToken.for_user(make_user()))
    await_fast(server, token)

    store.kill()
    assert read(server, token) == 200
    store.start()

    await_fast(server, token)


def test_old_data_of_redis_gives_no_access_back(server, store, tmp_path):
    person = make_user()
    token = str(AccessToken.for_user(person))
    await_fast(server, token)
    # The append-only file as it is now: access is good.
    kept = tmp_path / "kept"
    shutil.copytree(store.folder / "appendonlydir", kept)

    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET token_version = token_version + 1 WHERE id = %s", [person.pk])
    time.sleep(1.5)
    assert read(server, token) == 401
    store.kill()
    shutil.rmtree(store.folder / "appendonlydir")
    shutil.copytree(kept, store.folder / "appendonlydir")
    store.start()

    with closing(store.client()) as redis:
        assert b"-" not in [redis.get(key) for key in redis.scan_iter(f"*access:user:{person.pk}")]
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert read(server, token) == 401
