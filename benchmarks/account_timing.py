"""Whether the time of an answer tells who has an account: sign-in, registration and reset, known and unknown addresses.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/account_timing.py

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Gunicorn runs with
the Procfile's configuration, REGISTRATION=verified and Argon2, without rate limits. The classes of a request take
turns, in an order that is shuffled each time, over one connection. Exits with 1 if two medians of a request differ by
more than ``--within`` ms, or if status, body or names of headers differ.
"""

import argparse
import contextlib
import http.client
import json
import random
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, free_port, scratch_database, web_server

DATABASE = "benchmark_account_timing"
PASSWORD, WRONG = "a long enough one", "not what was chosen"
CLASSES = ("known", "unknown", "inactive")
PATHS = {"login": "/api/auth/token/", "register": "/api/auth/register/", "reset": "/api/auth/password/reset/"}
Answer = tuple[int, bytes, tuple[str, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=500, help="of each class (default: 500)")
    parser.add_argument("--within", type=float, default=5.0, help="allowed difference of medians, in ms (default: 5)")
    options = parser.parse_args()
    if options.attempts < 2:
        parser.error("--attempts must be 2 or more")
    with scratch_database(DATABASE):
        fill(options.attempts)
        port = free_port()
        with web_server(port, REGISTRATION="verified", RATELIMIT_ENABLE="false", LOG_LEVEL="ERROR"):
            times, answers = measure(port, options.attempts)
    sys.exit(0 if report(times, answers, options.within) else 1)


def fill(attempts: int) -> None:
    """An active and an inactive account for each attempt, so that no row is warmer than another's."""
    from django.contrib.auth.hashers import make_password  # noqa: PLC0415 -- after Django is set up.

    from accounts.models import User  # noqa: PLC0415

    hashed = make_password(PASSWORD)
    User.objects.bulk_create(
        User(email=address(kind, number), password=hashed, is_active=kind == "known")
        for kind in ("known", "inactive")
        for number in range(attempts)
    )


def address(kind: str, number: int) -> str:
    return f"{kind[:2]}{number:05}@example.org"


def body_of(request: str, kind: str, number: int) -> dict[str, Any]:
    email = address(kind, number)
    if request == "reset":
        return {"email": email}
    return {"email": email, "password": WRONG}


def measure(port: int, attempts: int) -> tuple[dict[tuple[str, str], list[float]], dict[str, set[Answer]]]:
    """Milliseconds by request and class, and the different answers by request."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    answers: dict[str, set[Answer]] = defaultdict(set)
    turns = [(request, kind) for request in PATHS for kind in CLASSES]
    for number in range(-20, attempts):  # The first ones warm the server up.
        random.shuffle(turns)
        for request, kind in turns:
            taken, answer = ask(port, PATHS[request], body_of(request, kind, abs(number)))
            if number >= 0:
                times[request, kind].append(taken)
                answers[request].add(answer)
    return times, answers


def ask(port: int, path: str, body: dict[str, Any]) -> tuple[float, Answer]:
    """Milliseconds until the answer is read, over a connection that is open; and the answer without its request id."""
    with contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=60)) as connection:
        connection.connect()
        sent = json.dumps(body).encode()
        began = time.perf_counter()
        connection.request("POST", path, sent, {"Content-Type": "application/json", "X-Request-ID": "same"})
        response = connection.getresponse()
        content = response.read()
        taken = (time.perf_counter() - began) * 1000
    return taken, (response.status, content, tuple(sorted(name for name, _ in response.getheaders())))


def report(times: dict[tuple[str, str], list[float]], answers: dict[str, set[Answer]], within: float) -> bool:
    """Prints the figures; whether no request tells its classes apart."""
    table = Table("request", "class", "attempts", "median ms", "p95 ms", "different answers")
    good = True
    for request in PATHS:
        medians = [statistics.median(times[request, kind]) for kind in CLASSES]
        good &= max(medians) - min(medians) <= within and len(answers[request]) == 1
        for kind, median in zip(CLASSES, medians, strict=True):
            taken = sorted(times[request, kind])
            p95 = taken[int(0.95 * len(taken))]
            table.add_row(request, kind, str(len(taken)), f"{median:.2f}", f"{p95:.2f}", str(len(answers[request]) - 1))
    Console(width=100).print(table)
    return good


if __name__ == "__main__":
    main()
