"""What events cost: ingest over HTTP, one event against the SQL that it needs, and reads, in a small and a large table.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/events.py --large 10000000

Works in a database of its own on the configured server, as the tests do, and drops it at the end; a million events
take about 320 MB. Gunicorn runs with the Procfile's configuration, without rate limits, and shares the cores with the
clients: each sends batches of 100 events with an API key. The same is measured before and after the table is filled up
to the large size; only ratios mean something on a busy machine, and CPU time means more than time.
"""

import argparse
import http.client
import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, free_port, scratch_database, web_server
from benchmarks.served_log import cpu_seconds

DATABASE = "benchmark_event_ledger"
BATCH = 100
PEOPLE, MOVIES = 20_000, 5_000
# Events of the one person whose reads are timed.
HEAVY_EVENTS = 10_000
READS = ("", "hidden/", "watchlist/", "continue-watching/")
# Random people and movies; the kinds in the shares of a site that logs clicks.
_FILL = """
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)
    SELECT gen_random_uuid(), %(user)s + (random() * %(people)s)::int, %(movie)s + (random() * %(movies)s)::int,
        (ARRAY['view', 'click', 'view', 'watch', 'click', 'partial', 'watchlist', 'like', 'hide', 'view'])[1 + n %% 10],
        at, at
    FROM generate_series(1, %(rows)s) n, LATERAL (SELECT now() - random() * interval '300 days' - n * '1 us'::interval)
        AS moment (at)
"""
# The least that one view of a person needs: that they exist and stay, that the movie is there, and the row.
_BARE = """
    WITH person AS (SELECT id FROM accounts_user WHERE id = %s FOR KEY SHARE)
    INSERT INTO events_interaction (event_id, user_id, movie_id, kind, occurred_at, received_at)
    SELECT %s, person.id, movie.id, 'view', now(), now() FROM person, movies_movie movie
    WHERE movie.id = %s AND movie.status = 'published' ON CONFLICT DO NOTHING RETURNING id
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=300, help="of 100 events, at each size")
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    with scratch_database(DATABASE) as connection:
        from django.core.cache import cache  # noqa: PLC0415 -- after Django is set up.

        cache.delete_pattern("*")
        site = make_site()
        before = 0
        for rows in (options.small, options.large):
            fill(connection, rows - before, site["people"], PEOPLE - 2)
            before = rows
            print(f"{rows:,} events, {size_of(connection)}:")
            measure(connection, site, options)
        cache.delete_pattern("*")


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


def fill(connection: Any, rows: int, first: int, people: int, movie: int | None = None) -> None:
    """Adds events of random people from the first one on."""
    from movies.models import Movie  # noqa: PLC0415

    movie = movie or Movie.objects.order_by("pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        while rows > 0:
            part = min(rows, 500_000)
            values = {"user": first, "people": people, "movie": movie, "movies": MOVIES - 2, "rows": part}
            cursor.execute(_FILL, values)
            rows -= part
        cursor.execute("VACUUM ANALYZE events_interaction")


def size_of(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_size_pretty(pg_table_size('events_interaction')),"
            " pg_size_pretty(pg_indexes_size('events_interaction'))"
        )
        return "{} and {} of indexes".format(*cursor.fetchone())


def measure(connection: Any, site: dict[str, Any], options: argparse.Namespace) -> None:
    from accounts.tokens import AccessToken  # noqa: PLC0415
    from events.models import Interaction  # noqa: PLC0415

    if not Interaction.objects.filter(user=site["heavy"]).exists():
        fill(connection, HEAVY_EVENTS, site["heavy"].pk, 0)
    port = free_port()
    with web_server(port, RATELIMIT_ENABLE="false") as server:
        ingest(port, server.pid, site, options)
        token = str(AccessToken.for_user(site["heavy"]))
        for path in READS:
            read(port, path, token)
    one_event(site)


def ingest(port: int, pid: int, site: dict[str, Any], options: argparse.Namespace) -> None:
    """Prints the rate of ingest in batches, with the users named by their ids at the client."""

    def send(number: int) -> float:
        events = [
            {"user": f"customer-{(number * 7 + place) % 2000}", "movie": site["movies"] + (number + place) % MOVIES}
            | {"kind": ("view", "click", "watch")[place % 3]}
            for place in range(BATCH)
        ]
        body = json.dumps({"events": events})
        headers = {"Authorization": f"Api-Key {site['key']}", "Content-Type": "application/json"}
        started = time.perf_counter()
        connection = http.client.HTTPConnection(HOST, port, timeout=60)
        connection.request("POST", "/api/events/", body, headers)
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        if answer.status != 201:
            raise SystemExit(f"{answer.status} {found[:300]!r}")
        return time.perf_counter() - started

    with ThreadPoolExecutor(options.clients) as pool:
        list(pool.map(send, range(40)))  # Makes the client's users, too.
        used, started = cpu_seconds(pid), time.perf_counter()
        taken = list(pool.map(send, range(options.batches)))
        seconds, cpu = time.perf_counter() - started, cpu_seconds(pid) - used
    count = options.batches * BATCH
    print(
        f"  ingest: {count / seconds:,.0f} events/s over HTTP, {count / cpu:,.0f} per CPU second of the web processes,"
        f" a batch of {BATCH} {1000 * statistics.median(taken):.1f} ms (median)"
    )


def read(port: int, path: str, token: str) -> None:
    """Prints how long the heavy person's page takes."""
    taken = []
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    for _ in range(30):
        started = time.perf_counter()
        connection.request("GET", f"/api/events/{path}", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - started)
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {body[:300]!r}")
    print(f"  GET /api/events/{path} of {HEAVY_EVENTS:,} events: {1000 * statistics.median(taken):.1f} ms (median)")


def one_event(site: dict[str, Any]) -> None:
    """Prints what recording one event takes against its bare SQL, in turns, in this process."""
    from django.db import connection, transaction  # noqa: PLC0415

    from events.new_events import NewEvent  # noqa: PLC0415
    from events.recording import interactions_record  # noqa: PLC0415

    def recorded(number: int) -> None:
        interactions_record([NewEvent(user_id=site["people"] + number, movie_id=site["movies"] + number, kind="view")])

    def bare(number: int) -> None:
        with transaction.atomic(), connection.prepared_cursor() as cursor:
            cursor.execute(_BARE, [site["people"] + number, uuid.uuid4(), site["movies"] + number])

    calls: dict[str, Callable[[int], None]] = {"recorded": recorded, "bare": bare}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    cpu = dict.fromkeys(calls, 0.0)
    for number in range(600):
        for name, call in calls.items() if number % 2 else reversed(calls.items()):
            started, used = time.perf_counter(), time.process_time()
            call(number)
            taken[name].append(time.perf_counter() - started)
            cpu[name] += time.process_time() - used
    medians = {name: statistics.median(values) for name, values in taken.items()}
    print(
        f"  one event: {1000 * medians['recorded']:.2f} ms, its SQL {1000 * medians['bare']:.2f} ms:"
        f" ratio {medians['recorded'] / medians['bare']:.2f} by median, {cpu['recorded'] / cpu['bare']:.2f} by CPU of"
        " this process"
    )


if __name__ == "__main__":
    main()
