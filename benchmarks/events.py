"""What events cost: ingest over HTTP, one event against the SQL that it needs, and reads, in a small and a large table.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/events.py --large 10000000

Works in two databases of its own on the configured server, with the same people and movies, and drops them at the end;
a million events take about 350 MB. Gunicorn runs over each with the Procfile's configuration, without rate limits, and
shares the cores with the clients: each sends batches of 100 events with an API key. Both are measured in turns, since
only ratios mean something on a busy machine, and CPU time means more than time.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import free_port, scratch_database, send, web_server
from benchmarks.served_log import cpu_seconds

DATABASE = "benchmark_event_ledger"
BATCH = 100
PEOPLE, MOVIES = 20_000, 5_000
# Users of the client, whom the first batches make.
CUSTOMERS = 2_000
# Events of the one person whose reads are timed.
HEAVY_EVENTS = 10_000
READS = ("", "?kind=hide", "hidden/", "watchlist/", "continue-watching/")
SIZES = ("small", "large")
# Random people and movies; the kinds in the shares of a site that logs clicks.
_FILL = """
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)
    SELECT gen_random_uuid(), %(user)s + (random() * %(people)s)::int, %(movie)s + (random() * %(movies)s)::int,
        (ARRAY['view', 'click', 'view', 'watch', 'click', 'partial', 'watchlist', 'like', 'hide', 'view'])[1 + n %% 10],
        at, at
    FROM generate_series(1, %(rows)s) n, LATERAL (SELECT now() - random() * interval '300 days' - n * '1 us'::interval)
        AS moment (at)
"""


@dataclass
class Site:
    """One of the two sites: its database and web server, and what was measured."""

    database: str
    port: int
    pid: int
    taken: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float, cpu: float = 0.0) -> None:
        self.taken.setdefault(name, []).append(seconds)
        self.cpu[name] = self.cpu.get(name, 0.0) + cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10, help="in which the two are measured in turns")
    parser.add_argument("--batches", type=int, default=20, help="of 100 events, in each round at each size")
    parser.add_argument("--reads", type=int, default=10, help="of each page, in each round at each size")
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    with scratch_database(DATABASE) as connection:
        from django.core.cache import cache  # noqa: PLC0415 -- after Django is set up.

        cache.delete_pattern("*")
        site = make_site()
        fill(connection, options.small, site["people"], PEOPLE - 2, site["movies"])
        fill(connection, HEAVY_EVENTS, site["heavy"].pk, 0, site["movies"])
        with large_copy(connection) as large, contextlib.ExitStack() as stack:
            started = time.perf_counter()
            with connected_to(connection, large):
                fill(connection, options.large, site["people"], PEOPLE - 2, site["movies"])
                print(f"{options.large:,} events in {time.perf_counter() - started:.0f} s: {size_of(connection)}")
            sites = {}
            for name, database in zip(SIZES, (DATABASE, large), strict=True):
                with connected_to(connection, database):
                    port = free_port()
                    server = stack.enter_context(web_server(port, RATELIMIT_ENABLE="false"))
                    sites[name] = Site(database, port, server.pid)
            measure(connection, site, sites, options)
        cache.delete_pattern("*")


@contextlib.contextmanager
def large_copy(connection: Any) -> Iterator[str]:
    """A copy of the current database, dropped at the end; its name."""
    name = f"{DATABASE}_large"
    with connected_to(connection, "postgres"), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")
    try:
        yield name
    finally:
        with connected_to(connection, "postgres"), connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def connected_to(connection: Any, database: str) -> Iterator[None]:
    """Connects Django to another database of the server meanwhile."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def make_site() -> dict[str, Any]:
    """People, movies, and a key; the ids of the first person and movie."""
    from accounts.clients.services import client_get_or_create, key_create  # noqa: PLC0415
    from accounts.models import User  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415
    from tests.factories import make_user  # noqa: PLC0415

    client = client_get_or_create(name="benchmark")
    _, key = key_create(client=client, scopes=["events:write", "recommendations:read"])
    heavy = make_user("heavy@example.org")
    people = User.objects.bulk_create(
        [User(dataset="benchmark", dataset_user_id=n, password="!") for n in range(1, PEOPLE + 1)], batch_size=5000
    )
    movies = Movie.objects.bulk_create([Movie(title=f"Movie {n}", year=2000) for n in range(MOVIES)], batch_size=5000)
    return {"key": key, "heavy": heavy, "people": people[0].pk, "movies": movies[0].pk}


def fill(connection: Any, rows: int, first: int, people: int, movie: int) -> None:
    """Adds events of random people from the first one on; the indexes follow, where the rows are many."""
    from django.db import transaction  # noqa: PLC0415

    from events.imports.deferred_indexes import deferred_indexes, try_exclusive_lock  # noqa: PLC0415

    table = "events_interaction"
    values = {"user": first, "people": people, "movie": movie, "movies": MOVIES - 2, "rows": rows}
    with connection.cursor() as cursor:
        with transaction.atomic():
            many = rows > 100_000 and try_exclusive_lock(table)
            with deferred_indexes(table) if many else contextlib.nullcontext():
                cursor.execute(_FILL, values)
        cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("CHECKPOINT")


def size_of(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_size_pretty(pg_table_size('events_interaction')),"
            " pg_size_pretty(pg_indexes_size('events_interaction'))"
        )
        return "{} and {} of indexes".format(*cursor.fetchone())


def measure(connection: Any, site: dict[str, Any], sites: dict[str, Site], options: argparse.Namespace) -> None:
    """Measures both sites in turns, and prints what was found."""
    from accounts.tokens import AccessToken  # noqa: PLC0415

    token = str(AccessToken.for_user(site["heavy"]))
    for one in sites.values():  # Makes the client's users, and the statements of each connection.
        send_batches(one, site, list(range(3 * CUSTOMERS // BATCH)), clients=options.clients, name="warm")
    for turn in range(options.rounds):
        for name in SIZES if turn % 2 else reversed(SIZES):
            one = sites[name]
            numbers = list(range(turn * options.batches, (turn + 1) * options.batches))
            send_batches(one, site, numbers, clients=options.clients, name="ingest")
            for path in READS:
                read(one, path, token, options.reads)
            with connected_to(connection, one.database):
                one_event(one, site, turn)
    report(sites, options)


def send_batches(one: Site, site: dict[str, Any], numbers: list[int], *, clients: int, name: str) -> None:
    """Sends a batch of each number; the users are named by their ids at the client."""

    def timed(number: int) -> float:
        events = [
            {
                "user": f"customer-{(number * BATCH + place) % CUSTOMERS}",
                "movie": site["movies"] + (number + place) % MOVIES,
                "kind": ("view", "click", "watch")[place % 3],
            }
            for place in range(BATCH)
        ]
        body = json.dumps({"events": events}).encode()
        headers = {"Authorization": f"Api-Key {site['key']}", "Content-Type": "application/json"}
        started = time.perf_counter()
        status, found = send(one.port, "POST", "/api/events/", body, headers)
        if status != 201:
            raise SystemExit(f"{status} {found[:300]!r}")
        return time.perf_counter() - started

    with ThreadPoolExecutor(clients) as pool:
        used, own, started = cpu_seconds(one.pid), time.process_time(), time.perf_counter()
        taken = list(pool.map(timed, numbers))
        seconds = time.perf_counter() - started
    one.add(name, seconds, cpu_seconds(one.pid) - used)
    one.add(f"{name} of the clients", seconds, time.process_time() - own)
    one.taken.setdefault(f"{name} batch", []).extend(taken)


def read(one: Site, path: str, token: str, count: int) -> None:
    """Times the heavy person's page."""
    for _ in range(count):
        used, started = cpu_seconds(one.pid), time.perf_counter()
        status, body = send(one.port, "GET", f"/api/events/{path}", headers={"Authorization": f"Bearer {token}"})
        one.add(path, time.perf_counter() - started, cpu_seconds(one.pid) - used)
        if status != 200:
            raise SystemExit(f"{status} {body[:300]!r}")


def one_event(one: Site, site: dict[str, Any], turn: int) -> None:
    """Times recording one event against the SQL it needs and the person's token in Redis, in turns, in this process."""
    from events.new_events import NewEvent  # noqa: PLC0415
    from events.recording import interactions_record  # noqa: PLC0415

    def recorded(number: int) -> None:
        interactions_record([NewEvent(user_id=site["people"] + number, movie_id=site["movies"] + number, kind="view")])

    def bare(number: int) -> None:
        record_bare(site["people"] + number, site["movies"] + number)

    calls: dict[str, Callable[[int], None]] = {"recorded": recorded, "bare": bare}
    for number in range(turn * 60, turn * 60 + 60):
        for name, call in calls.items() if number % 2 else reversed(calls.items()):
            started, used = time.perf_counter(), time.process_time()
            call(number)
            one.add(name, time.perf_counter() - started, time.process_time() - used)


def record_bare(user_id: int, movie_id: int) -> None:
    """The least that one view needs: the person is locked, the movie is there, the row, the commit, and the token."""
    from django.db import connection, transaction  # noqa: PLC0415
    from django_redis import get_redis_connection  # noqa: PLC0415

    with transaction.atomic(), connection.prepared_cursor() as cursor:
        cursor.execute("SELECT personalisation FROM accounts_user WHERE id = %s FOR SHARE", [user_id])
        cursor.fetchone()
        cursor.execute(
            "INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)"
            " SELECT %s, %s, movie.id, 'view', now(), now() FROM movies_movie movie"
            " WHERE movie.id = %s AND movie.status = 'published' ON CONFLICT DO NOTHING RETURNING id",
            [uuid.uuid4(), user_id, movie_id],
        )
        cursor.fetchone()
    get_redis_connection("default").set(f"benchmark:{user_id}", os.urandom(8).hex(), ex=7200)


def report(sites: dict[str, Site], options: argparse.Namespace) -> None:
    """Prints the medians at each size, and their ratios."""
    count = options.rounds * options.batches * BATCH
    for name, one in sites.items():
        rate, best = count / sum(one.taken["ingest"]), options.batches * BATCH / min(one.taken["ingest"])
        print(
            f"{name}: {rate:,.0f} events/s over HTTP ({best:,.0f} in the best round);"
            f" {count / one.cpu['ingest']:,.0f} per CPU second of the web processes,"
            f" whose clients use {one.cpu['ingest of the clients'] / one.cpu['ingest']:.2f} of that"
        )
        ratio = statistics.median(one.taken["recorded"]) / statistics.median(one.taken["bare"])
        cpu = one.cpu["recorded"] / one.cpu["bare"]
        print(
            f"{name}: one event {milliseconds(one, 'recorded')}, what it needs in SQL and Redis"
            f" {milliseconds(one, 'bare')}: ratio {ratio:.2f} by median, {cpu:.2f} by CPU of this process"
        )
    for name in ("ingest batch", "recorded", *READS):
        small, large = (milliseconds(sites[size], name) for size in SIZES)
        ratio = statistics.median(sites["large"].taken[name]) / statistics.median(sites["small"].taken[name])
        best = min(sites["large"].taken[name]) / min(sites["small"].taken[name])
        title = name if name in ("ingest batch", "recorded") else f"GET /api/events/{name}"
        print(f"{title}: {small} small, {large} large (medians): ratio {ratio:.2f}, {best:.2f} of the fastest")


def milliseconds(one: Site, name: str) -> str:
    return f"{1000 * statistics.median(one.taken[name]):.2f} ms"


if __name__ == "__main__":
    main()
