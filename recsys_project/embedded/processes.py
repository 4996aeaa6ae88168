"""Waits for conditions, and finds server processes in the process table."""

import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Waits until ``condition`` is true, at most ``seconds``; returns whether it became true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def processes_in(folder: Path, program: str) -> list[int]:
    """The pids of running processes of ``program`` with the working folder ``folder``, a server's data folder.

    A pid file is not enough: after a crash or restart, its pid may belong to another process or a zombie.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() == program and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
