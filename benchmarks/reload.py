"""What clients notice when the web processes are exchanged or ended under load, over HTTP.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/reload.py

Works in a database of its own on the configured server; Gunicorn runs with the Procfile's configuration. Half of the
clients keep their connections, half open one a request. For each of HUP, USR2 and then TERM for the old one, and TERM
and then a start: how many requests were answered, refused (no server listened) and failed (anything else), and the
longest time in which no answer arrived. It uses HTTP and signals only, so that it and
scratch_site.py measure any version of the code.
"""

import argparse
import http.client
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, free_port, scratch_database, start_web_server

DATABASE = "benchmark_reload"
PATH = "/api/movies/?page_size=20"
SETTLE_SECONDS = 3.0
PORT = free_port()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=8, help="2 or more (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is done (default: 3)")
    options = parser.parse_args()
    if options.clients < 2 or options.rounds < 1:
        parser.error("--clients must be 2 or more, --rounds 1 or more")
    with scratch_database(DATABASE), tempfile.TemporaryDirectory() as folder:
        from movies.models import Movie  # noqa: PLC0415 -- after Django is set up.

        Movie.objects.bulk_create(Movie(title=f"Movie {n}", year=1950 + n % 70) for n in range(300))
        run(Server(Path(folder)), options)


class Server:
    """Gunicorn over the benchmark's database; ``pid`` is its first process."""

    def __init__(self, folder: Path) -> None:
        self._pidfile = folder / "web.pid"
        self.pid = 0
        self._children: list[subprocess.Popen] = []

    def start(self) -> None:
        """Returns once it answers."""
        child = start_web_server(PORT, "--pid", str(self._pidfile), RATELIMIT_ENABLE="false")
        self._children.append(child)
        self.pid = child.pid

    def hup(self) -> None:
        """Returns once none of the workers from before is left."""
        before = set(self.workers())
        os.kill(self.pid, signal.SIGHUP)
        _await(lambda: bool(self.workers()) and not before & set(self.workers()))

    def replace(self) -> None:
        """Starts a new server beside the old one, and stops the old one as soon as the new one has loaded."""
        os.kill(self.pid, signal.SIGUSR2)
        beside = self._pidfile.with_name("web.pid.2")
        _await(lambda: beside.exists() and bool(beside.read_text().strip()))
        new = int(beside.read_text())
        time.sleep(2)
        self.stop()
        self.pid = new

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        _await(lambda: not self._runs())

    def workers(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def _runs(self) -> bool:
        for child in self._children:
            child.poll()
        return Path(f"/proc/{self.pid}").exists()


def run(server: Server, options: argparse.Namespace) -> None:
    try:
        server.start()
        measure("nothing", lambda: time.sleep(5), options.clients)
        for name, act in (("HUP", server.hup), ("USR2, TERM", server.replace), ("TERM, start", server.restart)):
            for _ in range(options.rounds):
                measure(name, act, options.clients)
    finally:
        server.stop()


def measure(name: str, act: Callable[[], None], clients: int) -> None:
    """Asks before, during and for a while after ``act``, and prints a line."""
    stop = threading.Event()
    outcomes: list[tuple[float, str]] = []  # Appending is atomic.
    threads = [
        threading.Thread(target=ask, args=(number % 2 == 0, stop, outcomes), daemon=True) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    began = time.monotonic()
    act()
    took = time.monotonic() - began
    time.sleep(SETTLE_SECONDS)
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    answered = sorted(at for at, outcome in outcomes if outcome == "200")
    gap = max((later - earlier for earlier, later in itertools.pairwise(answered)), default=0.0)
    counts = Counter(outcome for _, outcome in outcomes)
    refused = counts.pop("refused", 0)
    failed = {outcome: count for outcome, count in counts.items() if outcome != "200"}
    print(
        f"{name:12} took {took:5.1f} s  answered {len(answered):6}  refused {refused:4}  "
        f"failed {sum(failed.values()):4}  longest gap {gap:5.2f} s  {failed or ''}",
        flush=True,
    )


def ask(kept: bool, stop: threading.Event, outcomes: list[tuple[float, str]]) -> None:
    connection = http.client.HTTPConnection(HOST, PORT, timeout=60)
    while not stop.is_set():
        outcome = ""
        try:
            if connection.sock is None:
                connection.connect()
            connection.request("GET", PATH, headers={"Connection": "keep-alive" if kept else "close"})
            answer = connection.getresponse()
            answer.read()
            outcome = str(answer.status)
        except ConnectionRefusedError:
            outcome = "refused"
            time.sleep(0.05)
        except (OSError, http.client.HTTPException) as error:
            outcome = type(error).__name__
            connection.close()
        outcomes.append((time.monotonic(), outcome))
    connection.close()


def _await(what: Callable[[], bool]) -> None:
    ends = time.monotonic() + 120
    while not what():
        if time.monotonic() > ends:
            raise SystemExit("The server did not obey within two minutes.")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
