"""The steps of the demo: each is announced, timed, and named when it fails."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from recsys_project.embedded.addresses import PROJECT_DIR

_TAIL_LINES = 30


class DemoError(Exception):
    """Something the demo cannot go on without; the message is for the person at the terminal."""


class Steps:
    """Announces steps on ``console`` and remembers the one that is under way.

    On a terminal a step's commands show their progress there. Elsewhere a step is one line, and what its commands say
    goes to ``log``.
    """

    def __init__(self, console: Console, log: Path) -> None:
        self.console = console
        self.log = log
        self.current = "starting"

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time what happens inside; what is appended to the list is printed beside the time."""
        self.current = name
        terminal = self.console.is_terminal
        self.say(f"[bold]{name}[/] …", end="\n" if terminal else "")
        notes: list[str] = []
        began = time.monotonic()
        try:
            yield notes
        except BaseException:
            if not terminal:
                self.say("")
            raise
        details = "".join(f", {note}" for note in notes)
        self.say(f"{'  ' if terminal else ''} [green]done[/] in {time.monotonic() - began:.1f} s{details}")

    def skip(self, name: str, reason: str) -> None:
        """Say that a step is not needed."""
        self.say(f"[bold]{name}[/]: {reason}")

    def say(self, line: str, *, end: str = "\n") -> None:
        """One line, however long, at once."""
        self.console.print(line, end=end, highlight=False, soft_wrap=True)
        self.console.file.flush()

    def manage(self, *arguments: str) -> str:
        """Run one manage.py command in a process of its own; returns its peak memory, as in ``peak memory 210 MiB``.

        Raises DemoError when it fails, with the end of what it had to say where the terminal does not show it.
        """
        command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
        # The steps say what goes on; log lines below a warning would only stand between them.
        environment = {"LOG_LEVEL": "WARNING"} | os.environ
        with nullcontext() if self.console.is_terminal else self.log.open("a") as output:
            process = subprocess.Popen(  # noqa: S603 -- own arguments.
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env=environment,
            )
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.terminate()
                raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            told = "" if self.console.is_terminal else log_tail(self.log)
            raise DemoError(f"manage.py {' '.join(arguments)} exited with {process.returncode}.{told}")
        return f"peak memory {usage.ru_maxrss // 1024} MiB"


def log_tail(log: Path) -> str:
    """The end of the log, behind a sentence."""
    lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return f" The end of {log}:\n" + "\n".join(lines)
