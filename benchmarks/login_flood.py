"""How long recommendations take while sign-ins flood the site, and how much memory the web processes use, over HTTP.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/login_flood.py

A number of readers ask for their lists without pause, first alone, then while volleys of parallel sign-ins come from a
few addresses, with the rate limits of sign-ins as shipped. Works in a database of its own on the configured server and
with a Valkey of its own; Gunicorn runs with the Procfile's configuration and shares the cores with the clients. It uses
HTTP only, so that it measures any version of the code that it, hung_redis.py and scratch_site.py are put beside.
"""

import argparse
import json
import math
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.hung_redis import fill, valkey
from benchmarks.scratch_site import free_port, scratch_database, send, web_server

DATABASE = "benchmark_login_flood"
PASSWORD = "a long enough one"
PORT = free_port()
JSON = {"Content-Type": "application/json"}
Taken = list[tuple[float, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=4, help="people who read at once (default: 4)")
    parser.add_argument("--logins", type=int, default=200, help="parallel sign-ins of a volley (default: 200)")
    parser.add_argument("--addresses", type=int, default=20, help="addresses they come from (default: 20)")
    parser.add_argument("--pause", type=float, default=5, help="seconds between two volleys (default: 5)")
    parser.add_argument("--seconds", type=float, default=20, help="how long each state is measured (default: 20)")
    options = parser.parse_args()
    if min(options.readers, options.logins, options.addresses) < 1 or min(options.pause, options.seconds) <= 0:
        parser.error("all numbers must be above 0")
    with scratch_database(DATABASE):
        fill()
        limits = {f"RATE_LIMIT_{name}": "1000000/m" for name in ("ANONYMOUS", "USER", "REGISTER")}
        with valkey() as (_, url), web_server(PORT, REDIS_URL=url, TRUSTED_PROXIES="1", **limits) as server:
            run(server.pid, options)


def run(server: int, options: argparse.Namespace) -> None:
    """Measures the readers without and with the flood, and prints a line for each."""
    tokens = [register(number) for number in range(options.readers)]
    for token in tokens:
        read(token)
    before = memory(server)
    quiet = readers(tokens, options.seconds)
    report("lists, alone", quiet)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, peak_memory(server) as peak:
        flooding = pool.submit(flood, PORT, options)
        flooded = readers(tokens, options.seconds)
        logins = flooding.result()
    report("lists, flooded", flooded)
    report("sign-ins", logins)
    ratio = percentile(flooded, 0.99) / percentile(quiet, 0.99)
    print(f"p99 of lists: {ratio:.2f} times that without the flood")
    print(f"memory of the web processes: {before:.0f} MB before, {peak[0]:.0f} MB at most during the flood")


def readers(tokens: list[str], seconds: float) -> Taken:
    """Seconds and status of each list that the people read, each without pause."""
    ends = time.monotonic() + seconds

    def until_then(token: str) -> Taken:
        taken = []
        while time.monotonic() < ends:
            taken.append(timed(lambda: read(token)))
        return taken

    with ThreadPoolExecutor(len(tokens)) as pool:
        return [one for taken in pool.map(until_then, tokens) for one in taken]


def flood(port: int, options: argparse.Namespace) -> Taken:
    """A volley of sign-ins every ``pause`` seconds; seconds and status of each. Runs in a process of its own, so that
    its threads do not slow down the readers, whose times count."""
    taken: Taken = []
    ends = time.monotonic() + options.seconds
    with ThreadPoolExecutor(options.logins) as pool:
        while time.monotonic() < ends:
            taken += pool.map(lambda n: timed(lambda: sign_in(port, n, options.addresses)), range(options.logins))
            time.sleep(options.pause)
    return taken


@contextmanager
def peak_memory(server: int) -> Iterator[list[float]]:
    """The most memory of the web processes in MB until the block ends, sampled ten times a second."""
    peak, stop = [0.0], threading.Event()

    def sample() -> None:
        while not stop.wait(0.1):
            peak[0] = max(peak[0], memory(server))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def memory(server: int) -> float:
    """The proportional set size of Gunicorn's first process and its workers, in MB."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    total = 0
    for pid in [str(server), *children]:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def timed(call: Callable[[], int]) -> tuple[float, int]:
    began = time.monotonic()
    status = call()
    return time.monotonic() - began, status


def report(name: str, taken: Taken) -> None:
    seconds = [one for one, _ in taken]
    print(
        f"{name:15} p50 {statistics.median(seconds):6.3f} s  p95 {percentile(taken, 0.95):6.3f} s  "
        f"p99 {percentile(taken, 0.99):6.3f} s  max {max(seconds):6.3f} s  "
        f"answers {dict(sorted(Counter(status for _, status in taken).items()))}",
        flush=True,
    )


def percentile(taken: Taken, share: float) -> float:
    ordered = sorted(seconds for seconds, _ in taken)
    return ordered[math.ceil(share * len(ordered)) - 1]


def register(number: int) -> str:
    body = json.dumps({"email": f"p{number}@example.org", "password": PASSWORD}).encode()
    for _ in range(100):  # A busy site answers 503.
        status, answer = send(PORT, "POST", "/api/auth/register/", body, JSON | {"X-Forwarded-For": "192.0.2.1"})
        if status == 201:
            return str(json.loads(answer)["access"])
        time.sleep(0.1)
    raise SystemExit(f"Registering answered {status}.")


def read(token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "192.0.2.2"}
    return send(PORT, "GET", "/api/recommendations/?limit=20", None, headers)[0]


def sign_in(port: int, number: int, addresses: int) -> int:
    body = json.dumps({"email": f"nobody{number}@example.org", "password": PASSWORD}).encode()
    address = {"X-Forwarded-For": f"198.51.100.{number % addresses + 1}"}
    return send(port, "POST", "/api/auth/token/", body, JSON | address)[0]


if __name__ == "__main__":
    main()
