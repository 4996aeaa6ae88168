"""What requests cost that are made to cost much: the server's time and memory, the answer's size, and who waits.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/hostile_bodies.py

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Gunicorn runs with
the Procfile's configuration but for rate limits, and knows nothing of what it is measured by. Each kind of request is
sent ``--at-once`` times at the same moment, while a probe asks /health/live every 100 ms.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("LOG_LEVEL", "ERROR")

from benchmarks.scratch_site import scratch_database, send, web_server

DATABASE = "benchmark_hostile_bodies"
PORT = 8767
SESSION, GROUP, TOKEN = "/api/recommendations/session/", "/api/recommendations/group/", "/api/auth/token/"
FORM = "application/x-www-form-urlencoded"
TICKS = os.sysconf("SC_CLK_TCK")


def filled(head: str, item: str, tail: str, size: int) -> bytes:
    """``item`` again and again between the two, commas between, in as many bytes as fit."""
    count = (size - len(head) - len(tail)) // (len(item) + 1)
    return (head + ",".join([item] * count) + tail).encode()


# Just below a megabyte, which the site once read of every body, and just below what it reads now.
MUCH, LITTLE = 1_000_000, 65_000
BODIES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "ids, 1 MB": (SESSION, lambda: filled('{"movie_ids":[', "0", "]}", MUCH), "application/json"),
    "events, 1 MB": (SESSION, lambda: filled('{"events":[', "{}", "]}", MUCH), "application/json"),
    "members, 1 MB": (GROUP, lambda: filled('{"members":[', '""', "]}", MUCH), "application/json"),
    "names, 1 MB": (SESSION, lambda: json.dumps({f"n{n}": 0 for n in range(80_000)}).encode(), "application/json"),
    "nested, 1 MB": (SESSION, lambda: b'{"mood":' + b"[" * (MUCH - 9), "application/json"),
    "form, 1 MB": (TOKEN, lambda: b"&".join([b"a=1"] * 250_000), FORM),
    "ids, 64 KB": (SESSION, lambda: filled('{"movie_ids":[', "0", "]}", LITTLE), "application/json"),
    "events, 64 KB": (SESSION, lambda: filled('{"events":[', "{}", "]}", LITTLE), "application/json"),
    "members, 16 KB": (GROUP, lambda: filled('{"members":[', '""', "]}", 16_000), "application/json"),
    "names, 64 KB": (SESSION, lambda: json.dumps({f"n{n}": 0 for n in range(5500)}).encode(), "application/json"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=8, help="requests of a kind at the same moment (default: 8)")
    parser.add_argument("--only", default="", help="kinds whose name begins so")
    options = parser.parse_args()
    if options.at_once < 1:
        parser.error("--at-once must be 1 or more")
    with scratch_database(DATABASE):
        run(options.at_once, options.only)


def run(at_once: int, only: str) -> None:
    from accounts.models import User  # noqa: PLC0415
    from accounts.tokens import AccessToken  # noqa: PLC0415 -- after Django is set up.

    token = str(AccessToken.for_user(User.objects.create(email="asks@example.org", password="!")))
    table = Table(title=f"{at_once} requests at once")
    for column in ("body", "status", "CPU s, each", "answer, bytes", "peak RSS, MB", "slowest /health/live, s"):
        table.add_column(column, justify="left" if column == "body" else "right")
    for name, (path, body, content_type) in BODIES.items():
        if not name.startswith(only):
            continue
        headers = {"Content-Type": content_type}
        if path == GROUP:
            headers["Authorization"] = f"Bearer {token}"
        # A fresh one each, so that none inherits the memory of the one before.
        with web_server(PORT, quiet=False, RATELIMIT_ENABLE="false") as server:
            table.add_row(name, *measured(server, at_once, path, body(), headers))
    Console(width=110).print(table)


def measured(server: subprocess.Popen, at_once: int, path: str, body: bytes, headers: dict[str, str]) -> list[str]:
    """One row of the table, without its first column."""
    ask("POST", path, b"{}", headers)  # Whatever happens with a first request only has happened.
    done, waits = threading.Event(), [0.0]
    probe = threading.Thread(target=watch, args=(done, waits))
    before = cpu_seconds(server)
    probe.start()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda _: ask("POST", path, body, headers), range(at_once)))
    done.set()
    probe.join()
    cpu = (cpu_seconds(server) - before) / at_once
    statuses = "/".join(sorted({str(status) for status, _ in answers}))
    size = max(size for _, size in answers)
    return [statuses, f"{cpu:.3f}", f"{size:,}", f"{peak_memory(server) / 1024:,.0f}", f"{max(waits):.2f}"]


def watch(done: threading.Event, waits: list[float]) -> None:
    """Asks /health/live until it is done, and notes how long each answer took."""
    while not done.is_set():
        began = time.perf_counter()
        ask("GET", "/health/live", None, {})
        waits.append(time.perf_counter() - began)
        done.wait(0.1)


def ask(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int | str, int]:
    """The answer's status and size; what went wrong instead of a status where there was no answer."""
    try:
        status, answer = send(PORT, method, path, body, headers)
        return status, len(answer)
    except OSError as error:
        return type(error).__name__, 0


def processes(server: subprocess.Popen) -> list[int]:
    """Gunicorn's master and its workers."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    return [server.pid, *map(int, children.split())]


def cpu_seconds(server: subprocess.Popen) -> float:
    """What all processes of the server have used so far, those of workers that ended included."""
    ticks = 0
    for pid in processes(server):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # Its own, and of the master also its children's that have ended.
        ticks += sum(map(int, fields[11:15] if pid == server.pid else fields[11:13]))
    return ticks / TICKS


def peak_memory(server: subprocess.Popen) -> int:
    """The most that each process held since it started, summed, in KiB."""
    lines = (Path(f"/proc/{pid}/status").read_text().splitlines() for pid in processes(server))
    return sum(int(line.split()[1]) for status in lines for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
