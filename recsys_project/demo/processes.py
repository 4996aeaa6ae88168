"""Runs web, worker and beat from the Procfile with honcho, one demo per checkout at a time."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from recsys_project.demo.arguments import HOST
from recsys_project.demo.steps import DemoError, log_tail
from recsys_project.embedded.addresses import PROJECT_DIR
from recsys_project.embedded.processes import wait_until

_READY_SECONDS = 90
_STOP_SECONDS = 30


@contextmanager
def only_demo(lock_file: Path) -> Iterator[IO[str]]:
    """Holds the checkout's demo lock, which its processes inherit, since two beats would send each task twice.

    Raises DemoError if another demo, or any process of one, still runs.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("A demo runs in this checkout already; ./bin/stop stops it.") from None
        _note(lock, {"demo": os.getpid()})
        yield lock


def stop_running(lock_file: Path) -> bool:
    """Stops a running demo and waits until it has ended; returns whether there was one."""
    if not lock_file.exists() or _is_free(lock_file):
        return False
    for pid in json.loads(lock_file.read_text() or "{}").values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    if not wait_until(lambda: _is_free(lock_file), _STOP_SECONDS * 2):
        raise DemoError(f"The demo does not stop; its processes are named in {lock_file}.")
    return True


def site_environment(url: str, port: int) -> dict[str, str]:
    """The environment of the site's processes. Links in mails lead to ``url``, unless SITE_URL is set."""
    given = {"SITE_URL": url} | {name: value for name, value in os.environ.items() if value or name != "SITE_URL"}
    return given | {"HOST": HOST, "PORT": str(port), "PYTHONUNBUFFERED": "1"}


class Processes:
    """The processes of the Procfile, which write to ``log``."""

    def __init__(self, port: int, lock: IO[str], log: Path) -> None:
        self.url = f"http://{HOST}:{port}"
        self._log = log
        command = [sys.executable, "-m", "honcho", "start", "--procfile", "Procfile", "--port", str(port)]
        with log.open("a") as output:
            self._honcho = subprocess.Popen(  # noqa: S603 -- own arguments.
                command,
                cwd=PROJECT_DIR,
                env=site_environment(self.url, port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # So that Ctrl-C reaches only this process, which then stops the others in order.
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
        _note(lock, {"demo": os.getpid(), "honcho": self._honcho.pid})

    def wait_until_ready(self) -> None:
        """Waits until the web process is ready. Raises DemoError if it ends or takes too long."""
        if not wait_until(lambda: self._is_ready() or self._honcho.poll() is not None, _READY_SECONDS):
            raise DemoError(
                f"{self.url}/health/ready does not answer 200 after {_READY_SECONDS} s.{log_tail(self._log)}"
            )
        self.check_alive()

    def check_alive(self) -> None:
        """Raises DemoError if one of the processes has ended, since honcho then stops all of them."""
        if self._honcho.poll() is not None:
            raise DemoError(f"The processes ended with status {self._honcho.returncode}.{log_tail(self._log)}")

    def wait(self) -> None:
        """Blocks while the processes run. Raises DemoError if they end."""
        while self._honcho.poll() is None:
            time.sleep(0.5)
        self.check_alive()

    def stop(self) -> None:
        """Stops all processes, giving a worker time to finish its task; returns when they have ended."""
        if self._honcho.poll() is None:
            self._honcho.terminate()
        try:
            self._honcho.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._honcho.kill()
            self._honcho.wait()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as response:  # noqa: S310 -- own server.  # nosec B310
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def _note(lock: IO[str], pids: dict[str, int]) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps(pids))
    lock.flush()


def _is_free(lock_file: Path) -> bool:
    with lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
