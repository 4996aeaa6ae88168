"""What the log of served lists costs: cached lists over HTTP with the log on against off, in turns; and the writer.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/served_log.py

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Two Gunicorns run
with the Procfile's configuration, one with SERVED_LOG=false, without rate limits; each client asks one and then the
other for the same person, in an order that alternates. Clients and servers share the cores: only the ratio means
something. The writer is timed on pages that come from the cache and on lists that were computed.
"""

import argparse
import http.client
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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
    parser.add_argument("--requests", type=int, default=4000, help="to each server (default: 4000)")
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
    """Prints what a cached list takes with the log on and off, and the ratio of the throughputs."""
    from events.served.writer import served_drain  # noqa: PLC0415

    tokens = person_tokens(200)
    shared = {"MODEL_DIR": folder, "RATELIMIT_ENABLE": "false", "SERVED_STREAM_MAX": "1000000"}
    ports = {"on": free_port(), "off": free_port()}
    with web_server(ports["on"], **shared) as on, web_server(ports["off"], SERVED_LOG="false", **shared) as off:
        ask_in_turns(ports, tokens, options.clients, options.requests // 10)
        before = {"on": cpu_seconds(on.pid), "off": cpu_seconds(off.pid)}
        taken = ask_in_turns(ports, tokens, options.clients, options.requests)
        used = {"on": cpu_seconds(on.pid) - before["on"], "off": cpu_seconds(off.pid) - before["off"]}
        served_drain()
    medians, cpu = {}, {}
    for name, seconds in taken.items():
        medians[name], cpu[name] = statistics.median(seconds), used[name] / len(seconds)
        print(
            f"log {name}: {len(seconds)} cached lists, median {1000 * medians[name]:.2f} ms,"
            f" mean {1000 * statistics.mean(seconds):.2f} ms, CPU of the web processes {1000 * cpu[name]:.2f} ms each"
        )
    print(
        f"throughput on/off: {medians['off'] / medians['on']:.3f} by median time,"
        f" {sum(taken['off']) / sum(taken['on']):.3f} by total time, {cpu['off'] / cpu['on']:.3f} by CPU"
    )


def ask_in_turns(
    ports: Mapping[str, int], tokens: Sequence[str], clients: int, requests: int
) -> dict[str, list[float]]:
    """The seconds of each answer, by server; each client asks one server and then the other for the same person."""

    def ask(own: Sequence[str]) -> dict[str, list[float]]:
        connections = {name: http.client.HTTPConnection(HOST, port, timeout=60) for name, port in ports.items()}
        taken: dict[str, list[float]] = {name: [] for name in ports}
        for number, token in zip(range(requests // clients), cycle(own), strict=False):
            for name in ("on", "off") if number % 2 else ("off", "on"):
                started = time.perf_counter()
                headers = {"Authorization": f"Bearer {token}"}
                connections[name].request("GET", f"/api/recommendations/?limit={SHOWN}", headers=headers)
                answer = connections[name].getresponse()
                body = answer.read()
                taken[name].append(time.perf_counter() - started)
                if answer.status != 200:
                    raise SystemExit(f"{answer.status} {body[:300]!r}")
        return taken

    with ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(ask, [tokens[n::clients] for n in range(clients)]))
    return {name: [seconds for part in parts for seconds in part[name]] for name in ports}


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process and its children so far."""
    pids = [str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


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
        started, began = time.perf_counter(), time.process_time()
        done = served_drain(seconds=600)
        seconds, cpu = time.perf_counter() - started, time.process_time() - began
        grown = sizes(connection) - before
        print(
            f"{done.entries['written']:,} {what}: {count / seconds:,.0f} entries/s written, {count / cpu:,.0f} per CPU"
            f" second of the writer; each {waiting / count:,.0f} bytes in Redis, {grown / count:,.0f} on disk with its"
            " indexes"
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
