"""What the benchmarks share: a database of their own on the configured server, and Gunicorn over it.

The database is made as the tests make theirs, and dropped at the end; the configured one is neither read nor written.
Gunicorn runs with the Procfile's configuration and shares the cores with what measures it. Nothing of the project is
imported here, so that a benchmark and this file measure any version of the code they are put beside.
"""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
# A benchmark may take longer than an access token of the site is valid.
os.environ.setdefault("ACCESS_TOKEN_MINUTES", "600")

HOST = "127.0.0.1"
START_SECONDS = 240
STOP_SECONDS = 120


@contextlib.contextmanager
def scratch_database(name: str, *, keep: bool = False) -> Iterator[Any]:
    """Django's connection to a new database, set up and migrated, in place of the configured one.

    keep: uses the database that an earlier run has left, if any, and leaves it.
    """
    django.setup()
    from django.conf import settings  # noqa: PLC0415 -- after the settings are chosen.
    from django.db import connection  # noqa: PLC0415

    settings.DATABASES["default"]["OPTIONS"].pop("pool", None)  # Kept connections would block dropping the database.
    connection.settings_dict["TEST"]["NAME"] = name
    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=keep)
    try:
        yield connection
    finally:
        connection.creation.destroy_test_db(configured, verbosity=0, keepdb=keep)


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def web_server(port: int, *, quiet: bool = True, log: Any = None, **environment: str) -> Iterator[subprocess.Popen]:
    """Gunicorn over the current database until the block ends; see ``start_web_server``."""
    server = start_web_server(port, quiet=quiet, log=log, **environment)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(timeout=STOP_SECONDS)


def start_web_server(
    port: int, *arguments: str, quiet: bool = True, log: Any = None, **environment: str
) -> subprocess.Popen:
    """Gunicorn's first process, once the server answers on ``port``.

    arguments: for Gunicorn; quiet: without its log; log: an open file for it; environment: settings that differ from
    the configured ones. Raises SystemExit where it does not answer within START_SECONDS.
    """
    # The script, as in the Procfile: Gunicorn starts itself again by the path it was started with.
    command = [str(Path(sys.executable).with_name("gunicorn")), "recsys_project.wsgi"]
    command += ["--config", "recsys_project/gunicorn.py", *arguments]
    given = {"DATABASE_URL": database_url(), "REDIS_URL": redis_url(), "PORT": str(port), **environment}
    log = log if log is not None else subprocess.DEVNULL if quiet else None
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | given, stderr=log)
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and server.poll() is None:
        if answers(port):
            return server
        time.sleep(0.1)
    server.terminate()
    raise SystemExit("The web server did not start.")


def database_url() -> str:
    """The address of the database that Django is connected to."""
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    address, _, query = settings.DATABASE_URL.partition("?")
    url = f"{address.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    return f"{url}?{query}" if query else url


def redis_url() -> str:
    """The address of the configured Redis."""
    from django.conf import settings  # noqa: PLC0415

    return str(settings.REDIS_URL)


def answers(port: int) -> bool:
    """Whether a server answers /health/live with 200."""
    try:
        return send(port, "GET", "/health/live")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def send(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of an answer, over a connection of its own. Raises OSError or HTTPException."""
    with contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=600)) as connection:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
