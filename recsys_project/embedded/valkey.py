"""Starts, finds and stops a Valkey from the wheel, which is the cache and the Celery broker."""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from recsys_project.embedded import addresses
from recsys_project.embedded.account import Account
from recsys_project.embedded.errors import EmbeddedServiceError
from recsys_project.embedded.processes import processes_in, wait_until

START_SECONDS = 60


@dataclass(frozen=True)
class Valkey:
    """A server by its data folder, socket folder, program and account."""

    data: Path
    sockets: Path
    program: Path
    account: Account

    def is_running(self) -> bool:
        """Whether this data folder's server answers on its socket, or is loading its data."""
        try:
            found = self._client().config_get("dir")
        except redis.BusyLoadingError:
            return True
        except redis.ConnectionError:
            return False
        return Path(str(found["dir"])) == self.data

    def start(self, *, fsync: bool) -> None:
        """Starts the server and waits until it has loaded its data.

        Each write reaches the append-only file before its reply, so a killed server loses nothing; a file that ends in
        the middle of a write is read up to that point. Eviction is off, since a broker that evicts loses tasks.
        """
        self.account.make_folder(self.data)
        # A server that lost its socket keeps the append-only file open, and two writers would corrupt it.
        self.stop()
        log = self.data / "server.log"
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "logfile": str(log),
            "daemonize": "yes",
            "appendonly": "yes",
            "appendfsync": "everysec" if fsync else "no",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            # No snapshots: the append-only file is enough.
            "save": "",
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        started = subprocess.run(  # noqa: S603 -- own arguments.
            [str(self.program), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **self.account.popen_options(self.data),
        )
        if started.returncode != 0 or not self.wait():
            raise EmbeddedServiceError(f"Valkey did not start; see {log}.")

    def wait(self) -> bool:
        """Waits until the server answers, at most START_SECONDS; returns whether it does."""
        return wait_until(self._answers, START_SECONDS)

    def stop(self) -> None:
        """Stops the server if it runs, after it has written its data; returns when it has ended."""
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        if not wait_until(lambda: not self._processes(), 60):
            raise EmbeddedServiceError(f"Valkey did not stop: processes {self._processes()}.")

    @property
    def _socket(self) -> Path:
        return self.sockets / addresses.VALKEY_SOCKET

    def _client(self) -> redis.Redis:
        # No retries, in contrast to redis-py's default, so that a missing server is reported at once.
        return redis.Redis(
            unix_socket_path=str(self._socket),
            decode_responses=True,
            socket_timeout=10,
            retry=Retry(NoBackoff(), retries=0),
        )

    def _answers(self) -> bool:
        try:
            return bool(self._client().ping())
        except redis.ConnectionError:
            return False

    def _processes(self) -> list[int]:
        return processes_in(self.data, "valkey-server")
