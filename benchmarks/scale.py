"""How latency and CPU time grow with people, movies and events: generated sites, measured beside each other.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/scale.py

All sites are made first, each in a database of its own with a Redis database of its own; then the rounds go over them
in turn, so that what else the machine does falls on all alike. One client asks; a ratio is to the first site in the
same round. CPU time is that of the site's web processes and of its PostgreSQL backends. The largest sites take about
8 GB of disk and a quarter of an hour; all of them are dropped at the end.
"""

import argparse
import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, free_port, redis_url, scratch_database, web_server

# People and movies of each site; the first one is what the others are compared with.
SITES = ("10000:10000", "100000:10000", "1000000:10000", "10000:1000", "10000:100000", "1000000:100000")
DATABASE = "benchmark_scale"
WARM_UP_ROUNDS = 3
EVENTS_EACH = 5
RATINGS_EACH = 5
WORDS = ("Movie 1", "Movie 22", "Movie 333", "Movie 77", "movie 5 19", "Movei 45", "films about places")
LIMITS: dict[str, Any] = dict.fromkeys(("RATE_LIMIT_USER", "RATE_LIMIT_ANONYMOUS"), "1000000/s:1000000")
WHAT = ("cached", "miss", "event", "similar", "search")


@dataclass
class Site:
    """A site that answers on ``port``; ``tokens`` are of people who have not asked yet."""

    people: int
    movies: int
    database: str
    models: Path
    tokens: list[str]
    first_movie: int
    port: int = 0
    server: subprocess.Popen | None = None
    asked: int = 0
    # {what: [(p50 in ms, CPU ms of the web processes, of PostgreSQL) of each round]}
    figures: dict[str, list[tuple[float, float, float]]] = field(default_factory=lambda: {what: [] for what in WHAT})

    @property
    def name(self) -> str:
        return f"{self.people:,} people, {self.movies:,} movies, {self.people * (EVENTS_EACH + RATINGS_EACH):,} events"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", nargs="+", default=list(SITES), help="PEOPLE:MOVIES, each 1000 or more")
    parser.add_argument("--rounds", type=int, default=15, help="at least 1 (default: 15)")
    parser.add_argument("--requests", type=int, default=60, help="of each kind in a round (default: 60)")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    options = parser.parse_args()
    sizes = [tuple(map(int, site.split(":"))) for site in options.sites]
    if min(min(size) for size in sizes) < 1000 or min(options.rounds, options.requests) < 1:
        parser.error("PEOPLE and MOVIES must be 1000 or more, --rounds and --requests 1 or more")
    if (options.rounds + WARM_UP_ROUNDS) * options.requests > min(size[0] for size in sizes):
        parser.error("Each request is of another person: there are too few people.")
    requests = (options.rounds + WARM_UP_ROUNDS) * options.requests
    with scratch_database(DATABASE) as connection, contextlib.ExitStack() as stack:
        sites = [made(stack, connection, number, size, requests) for number, size in enumerate(sizes)]
        for number, site in enumerate(sites):
            stack.enter_context(serving(site, number))
            for _ in range(WARM_UP_ROUNDS):  # What each process reads once and then caches.
                measure(site, options.requests)
            site.figures = {what: [] for what in WHAT}
        for _ in range(options.rounds):
            for site in sites:
                measure(site, options.requests)
    print(table(sites))
    if options.json is not None:
        options.json.write_text(json.dumps([{"site": site.name, "figures": site.figures} for site in sites], indent=1))


def made(stack: contextlib.ExitStack, connection: Any, number: int, size: tuple[int, ...], requests: int) -> Site:
    """A site of (people, movies) in a copy of the empty database, until the stack ends; of its people, the tokens of as
    many as are given by ``requests``."""
    began, (people, movies) = time.perf_counter(), size
    name = f"{DATABASE}_{number}"
    from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

    from benchmarks import list_miss  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415

    stack.enter_context(copied_database(connection, name))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings.MODEL_DIR = folder
    list_miss.RATINGS_EACH, list_miss.EVENTS_EACH = RATINGS_EACH, EVENTS_EACH
    list_miss.fill(connection, movies, people)
    tokens = list_miss.person_tokens(requests)
    first_movie = Movie.objects.order_by("pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size = cursor.fetchone()[0] / 1e9
    use(connection, DATABASE)
    site = Site(people, movies, name, folder, tokens, first_movie)
    print(f"{site.name}: made in {time.perf_counter() - began:.0f} s, {size:.1f} GB", flush=True)
    return site


@contextlib.contextmanager
def copied_database(connection: Any, name: str) -> Iterator[None]:
    """A copy of the empty database, to which Django is connected until it is filled."""
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")
    use(connection, name)
    try:
        yield
    finally:
        use(connection, DATABASE)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def use(connection: Any, name: str) -> None:
    """Django's connection goes to this database from now on."""
    connection.close()
    connection.settings_dict["NAME"] = name


@contextlib.contextmanager
def serving(site: Site, number: int) -> Iterator[None]:
    """The site's web server, with one process, so that each thing is cached once."""
    address = redis_url()
    address += f"{'&' if '?' in address else '?'}db={number + 8}"
    from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

    database, _, query = settings.DATABASE_URL.partition("?")
    database = f"{database.rpartition('/')[0]}/{site.database}" + (f"?{query}" if query else "")
    given: dict[str, Any] = {
        "REDIS_URL": address,
        "DATABASE_URL": database,
        "MODEL_DIR": str(site.models),
        "WEB_CONCURRENCY": "1",
    }
    flush(address)
    site.port = free_port()
    with web_server(site.port, LOG_LEVEL="INFO", **given, **LIMITS) as site.server:
        yield
    flush(address)


def flush(address: str) -> None:
    """Empties the site's own Redis database."""
    import redis  # noqa: PLC0415

    with redis.Redis.from_url(address) as client:
        client.flushdb()


def measure(site: Site, requests: int) -> None:
    """One round: as many requests of each kind, of people who have not asked before."""
    tokens = site.tokens[site.asked : site.asked + requests]
    numbers = range(site.asked, site.asked + requests)
    site.asked += requests
    with contextlib.closing(http.client.HTTPConnection(HOST, site.port, timeout=60)) as connection:

        def send(method: str, path: str, token: str = "", body: Any = None) -> None:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status not in (200, 201):
                raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")

        def movie(number: int) -> int:
            return site.first_movie + number * 7919 % site.movies

        def listed(token: str) -> None:
            send("GET", "/api/recommendations/?limit=20", token)

        kinds: dict[str, list[Callable[[], None]]] = {
            "miss": [lambda token=token: listed(token) for token in tokens],  # type: ignore[misc]
            "cached": [lambda token=token: listed(token) for token in 4 * tokens],  # type: ignore[misc]
            "event": [
                lambda token=token, n=n: send("POST", "/api/events/", token, {"movie": movie(n), "kind": "view"})  # type: ignore[misc]
                for n, token in zip(numbers, tokens, strict=True)
            ],
            "similar": [lambda n=n: send("GET", f"/api/movies/{movie(n)}/similar/") for n in numbers],  # type: ignore[misc]
            "search": [
                lambda n=n: send("GET", f"/api/movies/search/?q={WORDS[n % len(WORDS)]}{n}".replace(" ", "+"))  # type: ignore[misc]
                for n in numbers
            ],
        }
        for what, calls in kinds.items():
            site.figures[what].append(timed(site, calls))


def timed(site: Site, calls: list[Callable[[], None]]) -> tuple[float, float, float]:
    """Median latency in ms, and CPU time in ms a request: web processes, PostgreSQL."""
    web, postgres = cpu_seconds(site)
    seconds = []
    for call in calls:
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    web_after, postgres_after = cpu_seconds(site)
    return (
        1000 * statistics.median(seconds),
        1000 * (web_after - web) / len(calls),
        1000 * (postgres_after - postgres) / len(calls),
    )


def cpu_seconds(site: Site) -> tuple[float, float]:
    """CPU time so far of the site's web processes, and of the PostgreSQL backends of its database."""
    web = postgres = 0.0
    assert site.server is not None
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == site.server.pid:
                web += _run_seconds(process)
            elif f" {site.database} ".encode() in (process / "cmdline").read_bytes().replace(b"\0", b" "):
                postgres += _run_seconds(process)
    return web, postgres


def _run_seconds(process: Path) -> float:
    return sum(int((task / "schedstat").read_text().split()[0]) for task in (process / "task").iterdir()) / 1e9


def table(sites: list[Site]) -> str:
    """Medians of the rounds; ratios to the first site: the median of the rounds' ratios, of latency and of CPU time."""
    lines = ["| site | what | p50 ms | web CPU ms | PostgreSQL CPU ms | p50 to the first | CPU to the first |"]
    lines.append("|---|---|---|---|---|---|---|")
    for site in sites:
        for what in WHAT:
            rounds, first = site.figures[what], sites[0].figures[what]
            latency = [one[0] / other[0] for one, other in zip(rounds, first, strict=True)]
            cpu = [sum(one[1:]) / sum(other[1:]) for one, other in zip(rounds, first, strict=True)]
            cells = [site.name if what == WHAT[0] else "", what]
            cells += [f"{statistics.median(one[n] for one in rounds):.2f}" for n in range(3)]
            cells += [f"{statistics.median(latency):.2f}", f"{statistics.median(cpu):.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
