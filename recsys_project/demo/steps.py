"""The steps of the demo, with their times and the name of a step that fails."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from recsys_project.embedded.addresses import PROJECT_DIR

_TAIL_LINES = 30
# How often a long command says that it still runs, where no terminal shows its progress.
_NEWS_SECONDS = 30.0
_POLL_SECONDS = 0.05


class DemoError(Exception):
    """The demo cannot continue; the message is shown to the user."""


class Steps:
    """Prints steps on ``console``; ``current`` is the name of the current one.

    On a terminal, the commands of a step show their progress there. Otherwise the output of commands goes to ``log``,
    and a step is one line, with the seconds so far after each ``_NEWS_SECONDS``.
    """

    def __init__(self, console: Console, log: Path) -> None:
        self.console = console
        self.log = log
        self.current = "starting"

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Times the block; notes appended to the yielded list are printed after the time."""
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
        """Prints that a step is not needed, and why."""
        self.say(f"[bold]{name}[/]: {reason}")

    def say(self, line: str, *, end: str = "\n") -> None:
        """Prints one line, without wrapping, and flushes it."""
        self.console.print(line, end=end, highlight=False, soft_wrap=True)
        self.console.file.flush()

    def manage(self, *arguments: str) -> str:
        """Runs a manage.py command in a process; returns its peak memory, as in ``peak memory 210 MiB``.

        Raises DemoError if it fails, with the end of the log unless the terminal shows its output.
        """
        command = [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
        # The steps show the progress; log lines below warnings would only clutter it.
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
                status, usage = self._end_of(process.pid)
            except BaseException:
                process.terminate()
                raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            details = "" if self.console.is_terminal else log_tail(self.log)
            raise DemoError(f"manage.py {' '.join(arguments)} exited with {process.returncode}.{details}")
        return f"peak memory {usage.ru_maxrss // 1024} MiB"

    def _end_of(self, pid: int) -> tuple[int, resource.struct_rusage]:
        """Waits for the process; returns its status and what it used."""
        if self.console.is_terminal:
            return os.wait4(pid, 0)[1:]
        began = news = time.monotonic()
        while not (ended := os.wait4(pid, os.WNOHANG))[0]:
            time.sleep(_POLL_SECONDS)
            if time.monotonic() - news >= _NEWS_SECONDS:
                news = time.monotonic()
                self.say(f" {news - began:.0f} s …", end="")
        return ended[1:]


def log_tail(log: Path) -> str:
    """The last lines of the log, after a sentence that introduces them."""
    lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return f" The end of {log}:\n" + "\n".join(lines)
