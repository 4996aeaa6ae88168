"""What a web process's memory does over many requests of different people, half of them misses at first.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/memory.py

One web process over a generated site in a database of its own. Each person asks for a list, which is computed, and then
again, which the fast path answers; between, somebody asks for similar movies, a search, and records an event. The table
has the process's resident and own (not shared) memory by the number of requests.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, free_port, scratch_database, web_server

DATABASE = "benchmark_memory"
LIST = "/api/recommendations/?limit=20"
LIMITS: dict[str, Any] = dict.fromkeys(("RATE_LIMIT_USER", "RATE_LIMIT_ANONYMOUS"), "1000000/s:1000000")
# Cached requests of each person, after the one that computes the list.
AGAIN = 3
_kept = threading.local()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--movies", type=int, default=10_000, help="at least 1000 (default: 10000)")
    parser.add_argument("--clients", type=int, default=4, help="at least 1 (default: 4)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which it ends early")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--plot", type=Path, help="where to draw them, as PNG")
    options = parser.parse_args()
    people = max(1000, options.requests // (AGAIN + 2) + 1)
    with scratch_database(DATABASE) as connection, tempfile.TemporaryDirectory() as folder:
        from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

        from benchmarks.list_miss import fill, person_tokens  # noqa: PLC0415
        from movies.caching.version_tokens import invalidate_catalogue  # noqa: PLC0415
        from movies.models import Movie  # noqa: PLC0415

        settings.MODEL_DIR = Path(folder)
        fill(connection, options.movies, people)
        tokens, first = person_tokens(people), Movie.objects.order_by("pk").values_list("pk", flat=True)[0]
        connection.close()
        invalidate_catalogue()
        port = free_port()
        with web_server(port, LOG_LEVEL="INFO", MODEL_DIR=folder, WEB_CONCURRENCY="1", **LIMITS) as server:
            found = run(options, port, server.pid, tokens, first)
    if options.json is not None:
        options.json.write_text(json.dumps(found))
    if options.plot is not None:
        draw(found, options.plot)


def run(
    options: argparse.Namespace, port: int, server: int, tokens: list[str], first: int
) -> list[tuple[int, float, float]]:
    """(requests so far, MiB resident, MiB of its own) of the web process, at about a hundred times."""
    worker = int(Path(f"/proc/{server}/task/{server}/children").read_text().split()[0])
    block = max(1, len(tokens) // 100)
    found = [(0, *memory(worker))]
    ends = time.monotonic() + options.seconds
    with ThreadPoolExecutor(options.clients) as pool:
        for start in range(0, len(tokens), block):
            numbers = range(start, min(start + block, len(tokens)))
            list(pool.map(lambda n: ask(port, tokens[n], first + n * 7919 % options.movies, n), numbers))
            found.append(((start + len(numbers)) * (AGAIN + 2), *memory(worker)))
            print("{:>8,} requests: {:7.1f} MiB resident, {:7.1f} MiB of its own".format(*found[-1]), flush=True)
            if time.monotonic() > ends:
                break
    return found


def ask(port: int, token: str, movie: int, number: int) -> None:
    """One person's requests: a list that is computed, one of another kind, and the cached list."""
    if not hasattr(_kept, "connection"):
        _kept.connection = HTTPConnection(HOST, port, timeout=60)
    send("GET", LIST, token)
    for _ in range(AGAIN):
        send("GET", LIST, token)
    kind = number % 3
    if kind == 0:
        send("GET", f"/api/movies/{movie}/similar/", "")
    elif kind == 1:
        send("GET", f"/api/movies/search/?q=movie+{number}", "")
    else:
        send("POST", "/api/events/", token, {"movie": movie, "kind": "view"})


def send(method: str, path: str, token: str, body: Any = None) -> None:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    for last in (False, True):
        try:
            _kept.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = _kept.connection.getresponse()
            content = answer.read()
            break
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            _kept.connection.close()  # It was kept for too long; the next request opens another one.
            if last:
                raise
    if answer.status not in (200, 201):
        raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process, and the part that it shares with no other, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines if line.endswith("kB")}
    return sizes["Rss:"], sizes["Private_Clean:"] + sizes["Private_Dirty:"]


def draw(found: list[tuple[int, float, float]], path: Path) -> None:
    """Both by requests."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 -- it takes a second to load.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for column, label in ((1, "resident"), (2, "not shared")):
        axes.plot([one[0] for one in found], [one[column] for one in found], label=label)
    axes.set(xlabel="requests", ylabel="MiB", ylim=(0, None), title="A web process")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
