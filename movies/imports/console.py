"""Shows progress: bars on a terminal, occasional lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from movies.imports.progress import OnProgress, Progress

# Seconds between lines of one stage if the output is not a terminal.
LINE_INTERVAL_SECONDS = 10.0


@contextmanager
def console_progress(stream: IO[str], *, quiet: bool = False) -> Iterator[OnProgress]:
    """Yields a callback that shows progress on ``stream``, or nothing if ``quiet``."""
    console = Console(file=stream)
    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        columns = (TextColumn("{task.description:>12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with RichProgress(*columns, console=console) as bars:
            yield _Bars(bars)
    else:
        yield _Lines(stream)


class _Bars:
    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=None)
        self._bars.update(self._tasks[progress.stage], completed=progress.done, total=progress.total or None)


class _Lines:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._stage = ""
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == self._stage and now - self._last < LINE_INTERVAL_SECONDS:
            return
        self._stage, self._last = progress.stage, now
        share = f": {100 * progress.done // progress.total}%" if progress.total else ""
        self._stream.write(f"{progress.stage}{share}\n")
        self._stream.flush()
