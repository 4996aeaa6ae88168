"""Shows the progress of an import or export of events: rows, rows a second, time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from events.imports.events_services import EventsProgress, OnEvents, seconds_left
from movies.imports.console import LINE_INTERVAL_SECONDS


@contextmanager
def events_progress(stream: IO[str], *, quiet: bool = False) -> Iterator[OnEvents]:
    """Yields a callback that shows progress on ``stream``: a bar on a terminal, a line now and then elsewhere."""
    console = Console(file=stream)
    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description:>12}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} a second"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bars:
            yield _Bar(bars)
    else:
        yield _Lines(stream)


class _Bar:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._started = time.monotonic()
        self._task = bars.add_task("events", total=None, rows=0, rate=0.0)

    def __call__(self, progress: EventsProgress) -> None:
        rate = progress.rows / max(time.monotonic() - self._started, 1e-3)
        total = progress.total or None
        self._bars.update(self._task, completed=progress.done, total=total, rows=progress.rows, rate=rate)


class _Lines:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._started = self._last = time.monotonic()
        self._first = True

    def __call__(self, progress: EventsProgress) -> None:
        now = time.monotonic()
        if not self._first and now - self._last < LINE_INTERVAL_SECONDS:
            return
        self._first, self._last = False, now
        seconds = max(now - self._started, 1e-3)
        share = f" ({100 * progress.done // progress.total}%)" if progress.total else ""
        left = seconds_left(progress, seconds)
        self._stream.write(
            f"events: {progress.rows:,} rows{share}, {progress.rows / seconds:,.0f} a second"
            + (f", {left} left\n" if left else "\n")
        )
        self._stream.flush()
