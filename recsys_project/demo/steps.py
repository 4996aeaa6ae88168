"""The steps of the demo: each is announced, timed, and named when it fails."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from recsys_project.embedded.addresses import PROJECT_DIR


class DemoError(Exception):
    """Something the demo cannot go on without; the message is for the person at the terminal."""


class Steps:
    """Announces steps on ``console`` and remembers the one that is under way."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.current = "starting"

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time what happens inside; what is appended to the list is printed beside the time."""
        self.current = name
        self.console.print(f"[bold]{name}[/] …")
        notes: list[str] = []
        began = time.monotonic()
        yield notes
        details = "".join(f", {note}" for note in notes)
        self.console.print(f"   [green]done[/] in {time.monotonic() - began:.1f} s{details}", highlight=False)

    def skip(self, name: str, reason: str) -> None:
        """Say that a step is not needed."""
        self.console.print(f"[bold]{name}[/]: {reason}", highlight=False)


def manage(*arguments: str) -> str:
    """Run one manage.py command in a process of its own; returns its peak memory, as in ``peak 210 MiB``.

    Raises DemoError when it fails; what it had to say stands on the terminal by then.
    """
    command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
    # The steps say what goes on; log lines below a warning would only stand between them.
    environment = {"LOG_LEVEL": "WARNING"} | os.environ
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)  # noqa: S603 -- own arguments.
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.terminate()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise DemoError(f"manage.py {' '.join(arguments)} exited with {process.returncode}.")
    return f"peak memory {usage.ru_maxrss // 1024} MiB"
