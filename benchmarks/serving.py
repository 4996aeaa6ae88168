"""How fast a cached answer is served, against a FastAPI service that does as little as it can, and against two floors.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/serving.py

All servers run two processes on the same cores and read the same Valkey; wrk loads one after the other, in several
rounds, so that what else the machine does falls on all alike. Each request is of another of --people people.

project: Gunicorn as in the Procfile, with all its limits, logs, metrics and revocation. fastapi: peer_fastapi/app.py
under uvicorn. django: a view without middleware (bare_django/bare_site.py) under Gunicorn's own threaded worker. redis:
GET of the same bytes from one process, in Python. django_path: the project without its fast path.

--route measures another answer than a person's list, of one of 50 movies where it is about a movie. FastAPI serves
lists only.

Needs wrk (Debian: apt-get install wrk). Works in a database of its own, which it drops.
"""

import argparse
import contextlib
import json
import os
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import HOST, ROOT, free_port, redis_url, scratch_database, send, web_server

DATABASE = "benchmark_serving"
PATH = "/api/recommendations/?limit=20"
# By --route; {n} is the id of a movie.
ROUTES = {
    "list": PATH,
    "popular": "/api/recommendations/popular/?limit=20",
    "trending": "/api/recommendations/trending/?limit=20",
    "latest": "/api/recommendations/latest/?limit=20",
    "similar": "/api/movies/{n}/similar/?limit=20",
    "search": "/api/movies/search/?q=movie%20{n}&limit=20",
    "movie": "/api/movies/{n}/",
    "genres": "/api/genres/",
}
# As in the script below.
MOVIES = 50
FIGURES = ("requests", "p50", "p99")
# wrk asks for each token in turn, or without one, and prints its figures as JSON.
_WRK_SCRIPT = """
local requests, place = {}, 0
function init(args)
    for line in io.lines(args[1]) do
        local movie = tonumber(args[3]) + #requests % 50
        local path = string.gsub(args[2], "{n}", tostring(movie))
        local headers = {}
        if args[4] ~= "guest" then headers["Authorization"] = "Bearer " .. line end
        requests[#requests + 1] = wrk.format("GET", path, headers)
    end
    place = math.random(#requests)
end
function request()
    place = place % #requests + 1
    return requests[place]
end
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('\\nJSON{"requests": %f, "p50": %f, "p99": %f, "errors": %d}\\n',
        1e6 * summary.requests / summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--seconds", type=int, default=3, help="of each load (default: 3)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64], help="default: 1 16 64")
    parser.add_argument("--people", type=int, default=200, help="at least 1 (default: 200)")
    parser.add_argument("--route", default="list", choices=list(ROUTES), help="default: list")
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), help="default: all that serve the route")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--plot", type=Path, help="where to draw them, as PNG")
    parser.add_argument("--log", type=Path, help="where the servers log (default: nowhere they are read)")
    options = parser.parse_args()
    if options.targets is None:
        options.targets = [name for name in TARGETS if name != "fastapi" or options.route == "list"]
    elif "fastapi" in options.targets and options.route != "list":
        parser.error("fastapi serves lists only.")
    if min(options.rounds, options.seconds, options.people, *options.connections) < 1:
        parser.error("All numbers must be 1 or more.")
    if shutil.which("wrk") is None:
        raise SystemExit("This needs wrk: apt-get install wrk")
    with scratch_database(DATABASE) as connection, tempfile.TemporaryDirectory() as folder:
        from django.conf import settings  # noqa: PLC0415 -- after Django is set up.

        settings.MODEL_DIR = Path(folder)
        measured = run(connection, options, Path(folder))
    print(table(measured, options))
    if options.json is not None:
        options.json.write_text(json.dumps(measured, indent=1))
    if options.plot is not None:
        draw(measured, options)


def run(connection: Any, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """{target: {connections: {figure: [one value a round]}}}."""
    from benchmarks.list_miss import fill, person_tokens  # noqa: PLC0415 -- after Django is set up.
    from movies.caching.version_tokens import invalidate_catalogue  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415

    fill(connection, 2000, max(1000, options.people))
    options.first_movie = Movie.objects.order_by("pk").values_list("pk", flat=True)[0]
    tokens = person_tokens(options.people)
    (folder / "tokens").write_text("".join(f"{token}\n" for token in tokens))
    (folder / "wrk.lua").write_text(_WRK_SCRIPT)
    invalidate_catalogue()
    measured: dict[str, Any] = {
        target: {n: {f: [] for f in FIGURES} for n in options.connections} for target in TARGETS
    }
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(options.log.open("wb")) if options.log else subprocess.DEVNULL
        # All of them, since the peers serve what the project made.
        ports = {
            target: stack.enter_context(serve(tokens, folder, log))
            for target, serve in TARGETS.items()
            if target in options.targets or target == "project"
        }
        for port in (ports[name] for name in ("project", "django_path") if name in ports):
            warm(port, tokens, options)
        for _ in range(options.rounds):
            for connections in options.connections:
                for target in options.targets:
                    figures = load(target, ports[target], folder, connections, options)
                    for name in FIGURES:
                        measured[target][connections][name].append(figures[name])
    return {target: measured[target] for target in options.targets}


def warm(port: int, tokens: list[str], options: argparse.Namespace) -> None:
    """Asks for each answer several times, so that both processes have given it."""
    for _ in range(6 if options.route != "list" else 0):
        for n in range(MOVIES if "{n}" in ROUTES[options.route] else 1):
            path = ROUTES[options.route].replace("{n}", str(options.first_movie + n))
            status, body = send(port, "GET", path)
            if status != 200:
                raise SystemExit(f"{path}: {status} {body[:300]!r}")


def load(target: str, port: int, folder: Path, connections: int, options: argparse.Namespace) -> dict[str, float]:
    """Loads a server for some seconds. Raises SystemExit if any answer was an error."""
    seconds = options.seconds
    if target == "redis":
        return load_redis((folder / "list").stat().st_size, connections, seconds)
    threads = str(min(2, connections))
    command = ["wrk", "-t", threads, "-c", str(connections), "-d", str(seconds), "-s", str(folder / "wrk.lua")]
    command += [f"http://{HOST}:{port}", "--", str(folder / "tokens")]
    # The floor serves one path.
    command += [PATH if target == "django" else ROUTES[options.route]]
    command += [str(options.first_movie), "guest" if options.route == "movie" else "person"]
    # Debian's wrk 4.1.0 now and then refuses its own request ("incomplete request at 1:1") before it sends any.
    for _ in range(5):
        output = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True).stdout
        if output:
            break
    found = re.search(r"^JSON(.*)$", output, re.MULTILINE)
    figures: dict[str, float] = json.loads(found[1]) if found else {"errors": 1}
    if figures["errors"]:
        raise SystemExit(f"{target}: errors\n{output}")
    return figures


def load_redis(size: int, connections: int, seconds: int) -> dict[str, float]:
    """GET over several connections, each with one command on its way."""
    from django_redis import get_redis_connection  # noqa: PLC0415

    get_redis_connection("default").set("peer:floor", b"x" * size, ex=600)
    path = redis_url().partition("unix://")[2].partition("?")[0]
    command, answer = b"*2\r\n$3\r\nGET\r\n$10\r\npeer:floor\r\n", size + len(str(size)) + 5
    latencies: list[float] = []
    with contextlib.ExitStack() as stack:
        poll, sockets, sent, missing = select.epoll(), {}, {}, {}
        for _ in range(connections):
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.connect(path)
            poll.register(one, select.EPOLLIN)
            sockets[one.fileno()], missing[one.fileno()], sent[one.fileno()] = one, answer, time.perf_counter()
            one.sendall(command)
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            for number, _ in poll.poll():
                missing[number] -= len(sockets[number].recv(1 << 20))
                if not missing[number]:
                    now = time.perf_counter()
                    latencies.append(now - sent[number])
                    missing[number], sent[number] = answer, now
                    sockets[number].sendall(command)
    latencies.sort()
    p50, p99 = (1000 * latencies[int(share * (len(latencies) - 1))] for share in (0.5, 0.99))
    return {"requests": len(latencies) / seconds, "p50": p50, "p99": p99, "errors": 0}


@contextlib.contextmanager
def serve_project(tokens: list[str], folder: Path, log: Any, **environment: str) -> Iterator[int]:
    """The project; each person's list is computed before it is measured, and given to the peers."""
    from django.conf import settings  # noqa: PLC0415
    from django_redis import get_redis_connection  # noqa: PLC0415

    port = free_port()
    rate = "1000000/s:1000000"
    given: dict[str, Any] = {
        "RATE_LIMIT_USER": rate,
        "RATE_LIMIT_ANONYMOUS": rate,
        "MODEL_DIR": str(settings.MODEL_DIR),
    } | environment
    with web_server(port, log=log, LOG_LEVEL="INFO", **given):
        redis = get_redis_connection("default")
        for token in tokens:
            status, body = send(port, "GET", PATH, headers={"Authorization": f"Bearer {token}"})
            if status != 200 or body.count(b'"movie":{') != 20:
                raise SystemExit(f"project: {status} {body[:300]!r}")
            redis.set(f"peer:list:{_user_id(token)}", body, ex=3600)
        (folder / "list").write_bytes(body)
        yield port


def serve_django_path(tokens: list[str], folder: Path, log: Any) -> contextlib.AbstractContextManager[int]:
    """The project with all answers by Django."""
    return serve_project(tokens, folder, log, FAST_PATH="0")


@contextlib.contextmanager
def serve_fastapi(tokens: list[str], folder: Path, log: Any) -> Iterator[int]:
    """The peer, in an environment of its own under var/."""
    from django.conf import settings  # noqa: PLC0415

    home = settings.VAR_DIR / "peer_fastapi"
    requirements = ROOT / "benchmarks" / "peer_fastapi" / "requirements.txt"
    if not (home / "bin" / "uvicorn").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "-r", requirements], check=True)
    port = free_port()
    command = [home / "bin" / "python", "-m", "uvicorn", "app:app", "--host", HOST, "--port", str(port)]
    command += ["--workers", "2", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    environment = {"PEER_SIGNING_KEY": settings.JWT_SIGNING_KEY, "PEER_REDIS_URL": redis_url(), "PYTHONPATH": ""}
    with started(command, requirements.parent, environment, log, port):
        status, body = send(port, "GET", PATH, headers={"Authorization": f"Bearer {tokens[0]}"})
        if status != 200 or body.count(b'"movie":{') != 20:
            raise SystemExit(f"fastapi: {status} {body[:300]!r}")
        yield port


@contextlib.contextmanager
def serve_django(tokens: list[str], folder: Path, log: Any) -> Iterator[int]:
    port = free_port()
    command = [
        Path(sys.executable).with_name("gunicorn"),
        "bare_site:application",
        "--pythonpath",
        ".",
        "--bind",
        f"{HOST}:{port}",
    ]
    command += ["--workers", "2", "--threads", "4", "--no-control-socket"]
    with started(command, ROOT / "benchmarks" / "bare_django", {"BARE_BODY": str(folder / "list")}, log, port):
        yield port


@contextlib.contextmanager
def serve_redis(tokens: list[str], folder: Path, log: Any) -> Iterator[int]:
    yield 0


TARGETS: dict[str, Any] = {
    "project": serve_project,
    "django_path": serve_django_path,
    "fastapi": serve_fastapi,
    "django": serve_django,
    "redis": serve_redis,
}


@contextlib.contextmanager
def started(command: list[Any], folder: Path, environment: dict[str, str], log: Any, port: int) -> Iterator[None]:
    """A server until the block ends, once it listens."""
    process = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log)
    try:
        ends = time.monotonic() + 60
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"This server did not start: {command}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _user_id(token: str) -> int:
    from accounts.tokens import AccessToken, token_user_id  # noqa: PLC0415

    return token_user_id(AccessToken(token))  # type: ignore[arg-type]


def table(measured: dict[str, Any], options: argparse.Namespace) -> str:
    """Medians of the rounds, and the ratio to the peer of each round: median, lowest and highest."""
    other_server = "fastapi" if "fastapi" in measured else "django_path"
    lines = [f"| connections | server | requests/s | p50 ms | p99 ms | requests/s to {other_server} | p50 | p99 |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for connections in options.connections:
        for target, loads in measured.items():
            figures = loads[connections]
            cells = [str(connections), target, f"{statistics.median(figures['requests']):,.0f}"]
            cells += [f"{statistics.median(figures[name]):.2f}" for name in ("p50", "p99")]
            for name in FIGURES:
                peer = measured.get(other_server, {}).get(connections, {}).get(name, [])
                ratios = [one / other for one, other in zip(figures[name], peer, strict=False)]
                cells.append(_spread(ratios) if ratios and target != other_server else "")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def draw(measured: dict[str, Any], options: argparse.Namespace) -> None:
    """Requests a second and both latencies by connections, a line a server, with all rounds as dots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 -- it takes a second to load.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, 3), FIGURES, strict=True):
        for target, loads in measured.items():
            medians = [statistics.median(loads[n][name]) for n in options.connections]
            (line,) = axes.plot(options.connections, medians, marker="o", label=target)
            for connections in options.connections:
                values = loads[connections][name]
                axes.plot([connections] * len(values), values, ".", color=line.get_color(), alpha=0.4)
        axes.set(xscale="log", yscale="log", xlabel="connections", title=name if name == "requests" else f"{name}, ms")
        axes.set_xticks(options.connections, [str(n) for n in options.connections])
    axes.legend()
    figure.savefig(options.plot)


if __name__ == "__main__":
    main()
