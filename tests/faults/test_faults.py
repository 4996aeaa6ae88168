"""Lists while processes and services die: they answer, and answer to what was accepted before."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.functional.cinema import LIST, Cinema, Client, at_once, movie_ids, second_version
from tests.functional.proxy import DatabaseProxy
from tests.functional.store import Store
from tests.functional.web_server import WebServer, error_of, running_database_url, web_server
from tests.tokens import user_token_key

pytestmark = pytest.mark.django_db(transaction=True)
READS = 8


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    # A socket's path is short.
    running = Store(tmp_path_factory.mktemp("r"))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def database(cinema: Cinema, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseProxy]:
    proxy = DatabaseProxy(tmp_path_factory.mktemp("p"))
    proxy.open()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def stricken(
    cinema: Cinema, store: Store, database: DatabaseProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    """A server of its own, over the same movies, with that Redis and that way to the database."""
    environment = {
        "DATABASE_URL": database.url,
        "DATABASE_POOL_TIMEOUT": "1",
        "DATABASE_STATEMENT_SECONDS": "4",
        "MODEL_DIR": str(settings.MODEL_DIR),
        "RATELIMIT_ENABLE": "false",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        "REDIS_URL": store.url,
    }
    with web_server(tmp_path_factory.mktemp("stricken"), **environment) as server:
        yield server


@pytest.fixture
def person(cinema: Cinema, stricken: WebServer) -> Client:
    somebody = cinema.person()
    return Client(stricken, somebody.user, somebody.token)


def insist(call):
    """Repeats what a dying server cut off."""
    for _ in range(50):
        try:
            return call()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    raise AssertionError("The server did not come back.")


def test_twenty_events_and_reads_at_once_lose_nothing(cinema: Cinema):
    person = cinema.person()
    shown = person.ids(limit=100)[:20]

    def tell_and_read(movie: int) -> bool:
        person.tell(movie, "dislike")
        return movie in person.ids(limit=100)

    assert at_once([lambda movie=movie: tell_and_read(movie) for movie in shown]) == [False] * 20
    for _ in range(READS):
        assert not set(shown) & set(person.ids(limit=100))


def test_a_killed_worker_loses_no_event(stricken: WebServer, person: Client):
    shown = person.ids(limit=100)[:2]
    for movie in shown:
        os.kill(stricken.workers()[0], signal.SIGKILL)
        answer = insist(lambda movie=movie: person.ask("POST", "/api/events/", {"movie": movie, "kind": "hide"}))
        assert answer.status == 201
        os.kill(stricken.workers()[-1], signal.SIGKILL)
        for _ in range(2):
            assert movie not in insist(lambda: person.ids(limit=100))

    for _ in range(READS):
        assert not set(shown) & set(person.ids(limit=100))


def test_a_worker_logs_its_stack_on_request_and_goes_on(stricken: WebServer, person: Client):
    insist(person.ids)

    assert "gthread.py" in stricken.whereabouts()
    assert insist(person.ids)


def test_without_redis_lists_answer_and_events_count(store: Store, person: Client):
    first = person.ids(limit=100)[0]
    store.kill()
    try:
        assert first in person.ids(limit=100)
        person.tell(first, "dislike")
        for _ in range(READS):
            assert first not in person.ids(limit=100)
        assert person.get(LIST, genre="crime", mood="heist").status == 200
    finally:
        store.start()


def test_an_event_accepted_without_redis_counts_once_it_is_back(store: Store, person: Client):
    first = person.ids(limit=100)[0]
    assert first in person.ids(limit=100)
    store.kill()
    try:
        person.tell(first, "dislike")
    finally:
        store.start()

    for _ in range(READS):
        assert first not in person.ids(limit=100)


def test_an_event_of_a_process_that_died_without_redis_counts(stricken: WebServer, store: Store, person: Client):
    first = person.ids(limit=100)[0]
    store.kill()
    try:
        person.tell(first, "dislike")
        for worker in stricken.workers():
            os.kill(worker, signal.SIGKILL)
    finally:
        store.start()

    for _ in range(READS):
        assert first not in insist(lambda: person.ids(limit=100))


def test_with_redis_hung_lists_and_probes_answer(stricken: WebServer, store: Store, person: Client):
    first = person.ids(limit=100)[0]
    account = {"email": "nobody@example.org", "password": "a long enough one"}
    with store.hung():
        # More at once than there are threads.
        assert at_once([lambda: first in person.ids(limit=100)] * 16) == [True] * 16
        assert stricken.request("GET", "/health/live").status == 200
        assert error_of(stricken.request("GET", "/health/ready"), 503)["fields"] == {"redis": ["unreachable"]}
        person.tell(first, "dislike")
        for _ in range(READS):
            assert first not in person.ids(limit=100)
    assert stricken.request("POST", "/api/auth/token/", account).status == 401


def test_an_event_accepted_while_redis_hung_counts_after(store: Store, person: Client):
    first = person.ids(limit=100)[0]
    assert first in person.ids(limit=100)
    key = user_token_key(person.user.pk)
    before = store.client().get(key)
    with store.hung():
        person.tell(first, "dislike")

    # The process that took it tells Redis by itself, whichever is asked.
    deadline = time.monotonic() + 20
    while store.client().get(key) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(READS):
        assert first not in person.ids(limit=100)


def test_only_the_version_flipped_while_redis_hung_is_served(stricken: WebServer, store: Store, person: Client):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
        "DATABASE_URL": running_database_url(),
        "REDIS_URL": store.url,
        "RECSYS_VAR": str(store.folder),
        "MODEL_DIR": str(settings.MODEL_DIR),
    }
    with second_version() as (first, second):
        assert {person.read()["model_version"] for _ in range(READS)} == {first}
        with store.hung():
            done = subprocess.run(
                [sys.executable, "manage.py", "models", "rollback", str(second), "--reason", "Odd lists"],
                cwd=settings.BASE_DIR,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        # For so long a process may remember which version was live.
        time.sleep(1)
        shown = {answer["model_version"] for answer in at_once([person.read] * 40)}

    assert f"Version {second} is live." in done.stdout
    assert "Redis did not answer" in done.stderr
    assert shown == {second}


def test_when_the_databases_connections_die_no_request_fails(stricken: WebServer, person: Client):
    for kind in ("like", "hide"):
        # This many at once fill the pools of both processes.
        assert {answer.status for answer in at_once([lambda: person.get(LIST, genre="war")] * 12)} == {200}
        movie = person.ids()[0]
        connection.close()
        with psycopg.connect(running_database_url(), autocommit=True) as other:
            # Returns when they are dead.
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        person.tell(movie, kind)
        for _ in range(READS):
            assert movie not in movie_ids(person.read())


def test_a_statement_that_does_not_end_holds_no_thread_for_good(stricken: WebServer, person: Client):
    with psycopg.connect(running_database_url(), autocommit=True) as other, other.transaction():
        # Every list reads the person's ratings: eight that wait hold all threads of both processes.
        other.execute("LOCK TABLE events_rating IN ACCESS EXCLUSIVE MODE")
        held = at_once([lambda: person.get(LIST, genre="war")] * 8)

    assert [error_of(answer, 503)["code"] for answer in held] == ["service_unavailable"] * 8
    assert person.get(LIST, genre="war").status == 200


def test_answers_are_503_only_while_the_database_is_away(database: DatabaseProxy, person: Client):
    movie = person.ids(limit=100)[0]
    database.close()
    try:
        away = person.get(LIST)
        assert error_of(away, 503)["code"] == "service_unavailable"
        assert int(away.headers["Retry-After"]) >= 1
        assert person.ask("POST", "/api/events/", {"movie": movie, "kind": "hide"}).status == 503
        # By now the pools have tried and failed a few times.
        time.sleep(2.5)
    finally:
        database.open()
    answers = [person.get(LIST).status for _ in range(2)]

    assert answers[-1] == 200
    assert movie in person.ids(limit=100)
    person.tell(movie, "hide")
    assert movie not in person.ids(limit=100)
