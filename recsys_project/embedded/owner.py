"""Starts, finds and stops the embedded services, one process at a time.

The servers outlive the process that starts them. A lock file in ``var/`` prevents concurrent starts and stops. The
status is determined by connecting to a server, not by a file.
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
    """The services without an address in the environment that replaces them."""
    needed = {POSTGRES: "DATABASE_URL", VALKEY: "REDIS_URL"}
    return [service for service, variable in needed.items() if not os.environ.get(variable)]


def start(services: Iterable[str] | None = None) -> list[str]:
    """Starts the services that do not run yet, and returns their names.

    ``RECSYS_EMBEDDED_FSYNC=off`` starts services that may lose data in a power cut, for tests.
    Raises EmbeddedServiceError with the reason if a service does not start.
    """
    names = needed_services() if services is None else list(services)
    if not names:
        return []
    fsync = os.environ.get("RECSYS_EMBEDDED_FSYNC", "on") != "off"
    with _lock():
        servers = _servers(service_account())
        started = []
        for name in names:
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
    """Stops the services that run, and returns their names."""
    if not addresses.data_dir().exists():
        return []
    with _lock():
        # Without a running service nothing needs the programs, which may have to be copied for the service account.
        if not any(status().values()):
            return []
        servers = _servers(service_account())
        stopped = []
        for name in services:
            if servers[name].is_running():
                servers[name].stop()
                stopped.append(name)
        return stopped


def status() -> dict[str, bool]:
    """Returns whether each service runs; changes nothing."""
    data, sockets, nowhere = addresses.data_dir(), addresses.socket_dir(), Path("/nonexistent")
    account = Account(os.geteuid(), os.getegid(), other=False)
    return {
        POSTGRES: Postgres(data / "postgres", sockets, nowhere, account).is_running(),
        VALKEY: Valkey(data / "valkey", sockets, nowhere, account).is_running(),
    }


def _servers(account: Account) -> dict[str, Postgres | Valkey]:
    """Both servers; creates their folders."""
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
    """Excludes concurrent starts and stops of this checkout; released if the process dies."""
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
    """Creates ``path`` and its parents so that all users can enter them; existing folders keep their mode."""
    for folder in reversed((path, *path.parents)):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
