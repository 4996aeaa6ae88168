"""The one owner of the embedded services: starts, finds and stops them, one process at a time.

The servers outlive the process that starts them. A lock on a file in ``var/`` keeps two processes from starting
or stopping at once; whether a server runs is asked of the server itself, never of a file.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_project.embedded import addresses
from recsys_project.embedded.account import Account, service_account
from recsys_project.embedded.binaries import find_binaries
from recsys_project.embedded.errors import EmbeddedServiceError
from recsys_project.embedded.postgres import Postgres
from recsys_project.embedded.valkey import Valkey

POSTGRES = "PostgreSQL"
VALKEY = "Valkey"


def needed_services() -> list[str]:
    """The services that no address in the environment replaces."""
    needed = {POSTGRES: "DATABASE_URL", VALKEY: "REDIS_URL"}
    return [service for service, variable in needed.items() if not os.environ.get(variable)]


def start(services: Iterable[str] | None = None) -> list[str]:
    """Start what does not run yet and return its names; what runs already is left as it is.

    ``RECSYS_EMBEDDED_FSYNC=off`` starts services that may lose data in a power cut, for tests.
    Raises EmbeddedServiceError with the reason when a service does not come up.
    """
    wanted = needed_services() if services is None else list(services)
    if not wanted:
        return []
    fsync = os.environ.get("RECSYS_EMBEDDED_FSYNC", "on") != "off"
    with _lock():
        servers = _servers(service_account())
        started = []
        for name in wanted:
            server = servers[name]
            if not server.is_running():
                server.start(fsync=fsync)
                started.append(name)
            elif isinstance(server, Postgres):
                server.ensure_database()
            elif not server.wait():
                raise EmbeddedServiceError(f"{name} runs but does not answer.")
        return started


def stop(services: Iterable[str] = (VALKEY, POSTGRES)) -> list[str]:
    """Stop the services that run and return their names."""
    if not addresses.data_dir().exists():
        return []
    with _lock():
        servers = _servers(service_account())
        stopped = []
        for name in services:
            if servers[name].is_running():
                servers[name].stop()
                stopped.append(name)
        return stopped


def status() -> dict[str, bool]:
    """Whether each service runs; changes nothing."""
    data, sockets, nowhere = addresses.data_dir(), addresses.socket_dir(), Path("/nonexistent")
    account = Account(os.geteuid(), os.getegid(), other=False)
    return {
        POSTGRES: Postgres(data / "postgres", sockets, nowhere, account).is_running(),
        VALKEY: Valkey(data / "valkey", sockets, nowhere, account).is_running(),
    }


def _servers(account: Account) -> dict[str, Postgres | Valkey]:
    """Both servers, with the folders they need made."""
    data, sockets = addresses.data_dir(), addresses.socket_dir()
    _make_open_folder(data)
    account.make_folder(sockets)
    programs = find_binaries(account, copy_to=data)
    return {
        POSTGRES: Postgres(data / "postgres", sockets, programs.postgres_bin, account),
        VALKEY: Valkey(data / "valkey", sockets, programs.valkey_server, account),
    }


@contextmanager
def _lock() -> Iterator[None]:
    """Keep every other start and stop of this checkout out; the system frees it when a process dies."""
    var = addresses.var_dir()
    try:
        _make_open_folder(var)
        with (var / "embedded.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        raise EmbeddedServiceError(
            f"{error.filename} cannot be written by this user: run as its owner, or set RECSYS_VAR."
        ) from error


def _make_open_folder(path: Path) -> None:
    """Make ``path`` and what is missing above it, enterable whatever the umask; what exists keeps its mode."""
    for folder in reversed((path, *path.parents)):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
