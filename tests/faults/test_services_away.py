"""Reads and queued work while Redis is away or hangs, and while PostgreSQL restarts, with every process of the site."""

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.faults.figures import FULL, measured
from tests.faults.reads import reading
from tests.faults.site import Process, Site, await_that
from tests.faults.writers import writing
from tests.functional.web_server import WebServer, error_of

AWAY_SECONDS = 60 if FULL else 5
P99_SECONDS, HUNG_SECONDS, BACK_SECONDS = 0.5, 0.5, 10


@pytest.fixture(scope="module")
def running(own_site: Site) -> Iterator[tuple[WebServer, dict[str, Process]]]:
    """All processes of the Procfile. Trainings are looked for every five seconds."""
    own_site.rows(
        "UPDATE django_celery_beat_periodictask SET interval_id = (SELECT min(id) FROM"
        " django_celery_beat_intervalschedule WHERE every = 10 AND period = 'seconds')"
        " WHERE name = 'Trainings that are due'"
    )
    with ExitStack() as stack:
        names = ("trainer", "worker", "beat")
        processes = {name: stack.enter_context(own_site.process(name)) for name in names}
        server = stack.enter_context(own_site.web())
        await_that(lambda: processes["worker"].children() and processes["trainer"].children())
        yield server, processes


def answers_with_redis(server: WebServer) -> float:
    """When the server says that it reaches Redis."""

    def reaches() -> bool:
        answer = server.request("GET", "/health/ready")
        return answer.status == 200 or "redis" not in answer.json()["error"]["fields"]

    return await_that(reaches, 120)


def tell(server: WebServer, token: str, movie: int) -> int:
    """Sends an event, repeated while the server cuts off or refuses; the status in the end."""
    status = 0
    for _ in range(50):
        try:
            body = {"movie": movie, "kind": "view"}
            status = server.request("POST", "/api/events/", body, Authorization=f"Bearer {token}").status
        except (OSError, http.client.HTTPException):
            status = 0
        if status in (200, 201):
            break
        time.sleep(0.2)
    return status


def test_with_redis_stopped_reads_go_on_and_nothing_queued_is_lost(own_site: Site, running):
    server, processes = running
    movies = [number for (number,) in own_site.rows("SELECT id FROM movies_movie WHERE status = 'published' LIMIT 20")]
    [(events,)] = own_site.rows("SELECT count(*) FROM events_interaction")
    # Nobody reads this queue, so that its messages wait while Redis is away.
    for _ in range(20):
        own_site.send("workers.tasks.mails.send", "waiting")
    with reading(server.url, own_site.tokens * 2) as reads:
        time.sleep(2)
        own_site.store.kill()
        away_at = time.time()
        told = [tell(server, own_site.tokens[0], movie) for movie in movies]
        version = own_site.request_training()
        time.sleep(max(0.0, away_at + AWAY_SECONDS - time.time()))
        back_at = time.time()
        own_site.store.start()
        at = answers_with_redis(server)
        time.sleep(1)
    assert reads.failed() == []
    assert set(told) == {201}
    assert own_site.rows("SELECT count(*) FROM events_interaction") == [(events + len(movies),)]
    assert own_site.store.client().llen("waiting") == 20
    trained_at = await_that(lambda: own_site.version(version)[0] == "live", 120, processes["trainer"].log)
    # Each change that was announced to nobody is announced, and its row deleted.
    await_that(
        lambda: own_site.rows("SELECT count(*) FROM movies_cacheinvalidation WHERE name LIKE 'user%%'") == [(0,)]
    )
    measured(
        f"Redis stopped {AWAY_SECONDS} s: p99 of reads",
        reads.worst(0.99, since=away_at, until=back_at),
        limit=P99_SECONDS,
    )
    measured("Redis stopped: reached again", at - back_at, limit=BACK_SECONDS)
    measured("Redis stopped: a training asked for meanwhile is live", trained_at - back_at, limit=90)


def test_with_redis_hung_reads_go_on(own_site: Site, running):
    server, _ = running
    with reading(server.url, own_site.tokens) as reads:
        time.sleep(1)
        hung_at = time.time()
        with own_site.store.hung():
            time.sleep(20 if FULL else 3)
            back_at = time.time()
        at = answers_with_redis(server)
        time.sleep(1)
    assert reads.failed() == []
    measured("Redis hung: slowest read", reads.worst(since=hung_at, until=back_at), limit=HUNG_SECONDS)
    measured("Redis hung: reached again", at - back_at, limit=BACK_SECONDS)


def events(site: Site) -> list[str]:
    return [number for (number,) in site.rows("SELECT event_id::text FROM events_interaction")]


@pytest.mark.parametrize("crash", [False, True] if FULL else [False], ids=lambda crash: "crash" if crash else "restart")
def test_after_a_restart_of_the_database_nothing_fails_or_is_lost(own_site: Site, running, crash: bool):
    server, processes = running
    before = events(own_site)
    [(movie,)] = own_site.rows("SELECT min(id) FROM movies_movie WHERE status = 'published'")
    with reading(server.url, own_site.tokens) as reads, writing(own_site.tokens, movie, [server]) as writers:
        time.sleep(1)
        own_site.restart_database(crash=crash, seconds=5 if FULL else 1)
        back_at, back = time.time(), time.monotonic()
        time.sleep(10 if FULL else 3)
    away = reads.failed()
    refused = [each for writer in writers for each in writer.refused]
    # A restart may be over before a request has used up its patience.
    assert {read.status for read in away} <= {503}
    assert reads.failed(since=back_at) == []
    for each in refused:
        assert error_of(each.answer, 503)["code"] == "service_unavailable"
        assert int(each.answer.headers["Retry-After"]) > 0
        assert each.sent < back
    acknowledged = [event_id for writer in writers for event_id in writer.acknowledged]
    stored = events(own_site)
    assert len(stored) == len(set(stored))
    # Keys of an earlier run are answered by the events of then.
    assert set(acknowledged) <= set(stored)
    assert set(stored) - set(before) <= set(acknowledged)
    version = own_site.request_training()
    await_that(lambda: own_site.version(version)[0] == "live", 120, processes["trainer"].log)
    measured(
        f"PostgreSQL {'killed' if crash else 'restarted'}: last 5xx after it is back",
        max((read.sent - back_at for read in away), default=0.0),
        limit=0,
    )


def test_when_back_ends_are_terminated_no_later_read_fails(own_site: Site, running):
    server, _ = running
    windows: list[tuple[float, float]] = []
    with reading(server.url, own_site.tokens) as reads:
        for _ in range(10 if FULL else 2):
            time.sleep(1)
            with psycopg.connect(own_site.database_url, autocommit=True) as other:
                began = time.time()
                # Returns when they are gone.
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                windows.append((began, time.time()))
        time.sleep(1)
    # What was in a back end that ended may be a 503.
    later = [
        read
        for read in reads.failed()
        if not any(read.sent <= ended and read.sent + read.seconds >= began for began, ended in windows)
    ]
    assert reads.done
    assert {read.status for read in reads.failed()} <= {503}
    assert later == []
    measured("back ends terminated: later reads that failed", len(later), limit=0, unit="")
    measured("back ends terminated: reads cut off by it", len(reads.failed()), limit=len(reads.done) / 100, unit="")
