"""What the log of served lists costs: cached lists over HTTP with the log on against off, in turns; and the writer.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/served_log.py

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Two Gunicorns run
with the Procfile's configuration, one with SERVED_LOG=false, without rate limits; the same clients ask one and then the
other, in rounds whose order alternates. Clients and servers share the cores, so that only the ratio means something.
The writer is timed on pages that come from the cache and on lists that were computed.
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.list_miss import fill, person_tokens
from benchmarks.scratch_site import HOST, free_port, scratch_database, web_server

DATABASE = "benchmark_served_log"
SHOWN = 20
MOVIES = PEOPLE = 1000
LIST_SIZE = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=4, help="at least 1 (default: 4)")
    parser.add_argument("--rounds", type=int, default=20, help="pairs of rounds (default: 20)")
    parser.add_argument("--seconds", type=float, default=2, help="of each round (default: 2)")
    parser.add_argument("--entries", type=int, default=50_000, help="pages that are drained; lists: a tenth")
    options = parser.parse_args()
    with scratch_database(DATABASE) as connection, tempfile.TemporaryDirectory() as folder:
        from django.conf import settings  # noqa: PLC0415 -- after Django is set up.
        from django.core.cache import cache  # noqa: PLC0415

        settings.MODEL_DIR = Path(folder)
        settings.SERVED_STREAM_MAX = 1_000_000
        # Ids start again in the new database: what Redis holds is of another one.
        cache.delete_pattern("*")
        fill(connection, MOVIES, PEOPLE)
        compare(options, folder)
        drain(connection, options.entries)
        cache.delete_pattern("*")


def compare(options: argparse.Namespace, folder: str) -> None:
    """Prints the throughput with the log on and off, and the median of the rounds' ratios."""
    from events.served.writer import served_drain  # noqa: PLC0415

    tokens = person_tokens(200)
    shared = {"MODEL_DIR": folder, "RATELIMIT_ENABLE": "false", "SERVED_STREAM_MAX": "1000000"}
    ports = {"on": free_port(), "off": free_port()}
    with web_server(ports["on"], **shared), web_server(ports["off"], SERVED_LOG="false", **shared):
        for port in ports.values():
            rate(port, tokens, options.clients, 2 * options.seconds)
        rates: dict[str, list[float]] = {"on": [], "off": []}
        for number in range(options.rounds):
            for name in ("on", "off") if number % 2 else ("off", "on"):
                rates[name].append(rate(ports[name], tokens, options.clients, options.seconds))
            served_drain()
    ratios = [on / off for on, off in zip(rates["on"], rates["off"], strict=True)]
    for name, of in rates.items():
        print(f"log {name}: median {statistics.median(of):.0f} cached lists/s")
    quarter = statistics.quantiles(ratios, n=4)
    print(f"ratio on/off: median {statistics.median(ratios):.3f} (quartiles {quarter[0]:.3f}, {quarter[2]:.3f})")


def rate(port: int, tokens: Sequence[str], clients: int, seconds: float) -> float:
    """Answers a second; each client keeps its connection and asks for its share of the people in turn."""
    ends = time.monotonic() + seconds

    def ask(own: Sequence[str]) -> int:
        connection, answered = http.client.HTTPConnection(HOST, port, timeout=30), 0
        for token in cycle(own):
            if time.monotonic() >= ends:
                break
            headers = {"Authorization": f"Bearer {token}"}
            connection.request("GET", f"/api/recommendations/?limit={SHOWN}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{answer.status} {body[:300]!r}")
            answered += 1
        connection.close()
        return answered

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(ask, [tokens[n::clients] for n in range(clients)])) / seconds


def drain(connection: Any, entries: int) -> None:
    """Prints how fast pages and lists are written, and what they take on disk."""
    from accounts.models import User  # noqa: PLC0415
    from events.served.entries import ServedList, Shown  # noqa: PLC0415
    from events.served.list_ids import list_id_new  # noqa: PLC0415
    from events.served.stream import queue_list, queue_shown, redis_client, stream_key  # noqa: PLC0415
    from events.served.writer import served_drain  # noqa: PLC0415

    people = list(User.objects.values_list("pk", flat=True)[:PEOPLE])
    movies = list(range(10_000, 10_000 + LIST_SIZE))
    for what, count in (("pages", entries), ("lists", entries // 10)):
        served_drain()
        before = sizes(connection)
        with redis_client().pipeline(transaction=False) as pipe:
            for number in range(count):
                person = people[number % len(people)]
                list_id = list_id_new()
                if what == "pages":
                    shown = Shown(recommendation_id=list_id, user_id=person, start=0, count=SHOWN, request_id="r" * 36)
                    queue_shown(pipe, shown)
                else:
                    served = ServedList(
                        id=list_id,
                        user_id=person,
                        endpoint="recommendations",
                        model_version_id=1,
                        movie_ids=movies,
                        scores=[1 / n for n in range(1, LIST_SIZE + 1)],
                        sources=[0] * LIST_SIZE,
                        count=SHOWN,
                        request_id="r" * 36,
                    )
                    queue_list(pipe, served)
                if number % 1000 == 999:
                    pipe.execute()
            pipe.execute()
        waiting = redis_client().memory_usage(stream_key(), samples=0)
        started = time.perf_counter()
        done = served_drain(seconds=600)
        seconds = time.perf_counter() - started
        grown = sizes(connection) - before
        print(
            f"{done.entries['written']:,} {what}: {count / seconds:,.0f} entries/s written; "
            f"each {waiting / count:,.0f} bytes in Redis, {grown / count:,.0f} on disk with its indexes"
        )


def sizes(connection: Any) -> int:
    """The bytes of both tables with their indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent IN"
            " ('events_servedrecommendation'::regclass, 'events_listimpression'::regclass)"
        )
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
