"""Imports a file of events, block by block: each block is stored completely or not at all."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone
from psycopg.errors import DeadlockDetected, SerializationFailure

from events.imports.events_checks import check_lines
from events.imports.events_files import Block, EventFile, open_events
from events.imports.events_names import MovieFinder, PersonFinder, lock_movies, lock_people
from events.imports.events_store import Stored, events_store, prefer_indexes, with_event_ids
from events.imports.prefetch import prefetch
from events.models import FUTURE_TOLERANCE
from events.new_events import EARLIEST
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.imports.lock import acquire_import_lock
from movies.movielens.errors import BadLine, BadLines

DEFAULT_SOURCE = "import:file"
MAX_SHOWN = 5
_ATTEMPTS = 3


@dataclass(frozen=True)
class EventsProgress:
    """Lines read so far, and ``done`` of ``total`` bytes (rows in Parquet)."""

    rows: int
    done: int
    total: int


OnEvents = Callable[[EventsProgress], None]


@dataclass
class EventsSummary:
    """The result of an import. ``first_bad`` are the first bad lines; ``report`` is the file that lists all of them."""

    rows: int = 0
    new: int = 0
    known: int = 0
    people_new: int = 0
    bad: int = 0
    bad_lines: dict[str, int] = field(default_factory=dict)
    first_bad: list[BadLine] = field(default_factory=list)
    report: Path | None = None
    dry_run: bool = False
    seconds: float = 0.0

    @property
    def good(self) -> int:
        return self.rows - self.bad

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0


def events_import(
    *,
    path: Path,
    form: str | None = None,
    source: str = DEFAULT_SOURCE,
    report: Path | None = None,
    dry_run: bool = False,
    on_progress: OnEvents = lambda progress: None,
    summary: EventsSummary | None = None,
) -> EventsSummary:
    """Imports events of ``path``; a second run, also of a file whose import was interrupted, changes no row.

    form: the format, by default by the file's extension. source: of lines that have none. report: a CSV file for bad
    lines (file,line,reason,text), which are left out. dry_run: only checks. summary: is filled as the import goes, so
    that the caller has it when an exception ends the import. Memory depends on the number of movies alone. Each block
    of 20,000 lines is a transaction; cached lists become invalid once, at the end. Raises ArchiveError for a file that
    is none of events, with nothing changed.
    """
    summary = summary or EventsSummary()
    summary.dry_run = dry_run
    file = open_events(path, form)
    started = time.perf_counter()
    try:
        with BadLines(skip=True, report=report) as bad:
            _Import(file, source, bad, summary, MovieFinder(), PersonFinder(create=not dry_run), on_progress).run()
    finally:
        summary.seconds = time.perf_counter() - started
        summary.report = report if summary.bad else None
        if summary.new:
            # Where the database is away, the sweep announces what was stored (events.announcements).
            with suppress(DatabaseError), transaction.atomic():
                invalidate_catalogue_on_commit()
    return summary


@dataclass
class _Checked:
    """A block whose lines were checked; ``bad`` lists its bad lines."""

    block: Block
    good: pl.DataFrame
    bad: list[BadLine]


@dataclass
class _Import:
    """A run of an import."""

    file: EventFile
    source: str
    bad: BadLines
    summary: EventsSummary
    movies: MovieFinder
    people: PersonFinder
    on_progress: OnEvents

    def run(self) -> None:
        for checked in prefetch(map(self._check, self.file.blocks()), depth=1):
            bad = checked.bad
            if checked.good.height:
                stored, refused = self._store_retrying(checked)
                bad = sorted([*bad, *refused], key=lambda line: line.line)
                self.summary.new += stored.new
                self.summary.known += stored.known
            self._report(bad)
            self.summary.rows += checked.block.frame.height + len(checked.block.bad)
            self.summary.people_new = self.people.created
            self.on_progress(EventsProgress(self.summary.rows, checked.block.done, self.file.size))

    def _check(self, block: Block) -> _Checked:
        """Runs in the reading thread, without the database."""
        now = timezone.now()
        good, bad = check_lines(
            block.frame, default_source=self.source, now=now, earliest=EARLIEST, latest=now + FUTURE_TOLERANCE
        )
        return _Checked(block, good, [*block.bad, *self._bad_lines(block, bad)])

    def _bad_lines(self, block: Block, bad: pl.DataFrame) -> list[BadLine]:
        """bad: columns row and reason."""
        rows = bad["row"].to_numpy()
        texts = block.frame[rows].rows() if bad.height else []
        lines = block.lines[rows] if bad.height else np.empty(0, np.int64)
        return [
            BadLine(self.file.path.name, int(line), reason, _text(cells))
            for line, reason, cells in zip(lines, bad["reason"], texts, strict=True)
        ]

    def _store_retrying(self, checked: _Checked) -> tuple[Stored, list[BadLine]]:
        """Stores the block again where PostgreSQL ended its transaction for the sake of another one."""
        created = self.people.created
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._store(checked)
            except OperationalError as error:
                if attempt == _ATTEMPTS or not isinstance(error.__cause__, DeadlockDetected | SerializationFailure):
                    raise
                self.people.created = created
                self.people.forget()
        raise AssertionError("unreachable")

    def _store(self, checked: _Checked) -> tuple[Stored, list[BadLine]]:
        """Stores the good lines whose person and movie are there, in one transaction; returns the other lines."""
        with transaction.atomic():
            prefer_indexes()
            if not self.summary.dry_run:
                acquire_import_lock()
            named = self.movies.find(self.people.find(checked.good))
            found = _locked(named, lock=not self.summary.dry_run)
            bad = found.filter(pl.col("reason").is_not_null()).select("row", "reason")
            good = found.filter(pl.col("reason").is_null())
            if self.summary.dry_run or good.is_empty():
                return Stored(0, 0, []), self._bad_lines(checked.block, bad)
            stored = events_store(with_event_ids(good))
        if stored.conflicts:
            reason = pl.lit("the event id is stored with other content").alias("reason")
            rows = pl.DataFrame({"row": stored.conflicts}, {"row": bad.schema["row"]})
            bad = pl.concat([bad, rows.with_columns(reason)])
        return stored, self._bad_lines(checked.block, bad)

    def _report(self, bad: list[BadLine]) -> None:
        for line in bad:
            self.bad.add(line)
        self.summary.bad += len(bad)
        self.summary.first_bad += bad[: MAX_SHOWN - len(self.summary.first_bad)]
        self.summary.bad_lines = dict(self.bad.counts)


def _locked(named: pl.DataFrame, *, lock: bool) -> pl.DataFrame:
    """Locks the people and movies; adds ``reason`` for lines whose person or movie is not there, or has paused."""
    reason = [
        pl.when(pl.col("user").is_null()).then("user_reason"),
        pl.when(pl.col("movie").is_null()).then("movie_reason"),
    ]
    if lock:
        known = named.filter(pl.col("user").is_not_null() & pl.col("movie").is_not_null())
        people = lock_people(known["user"].unique().to_list())
        movies = lock_movies(known["movie"].unique().to_list()).with_columns(pl.lit(value=True).alias("there"))
        named = named.join(people, on="user", how="left", maintain_order="left")
        named = named.join(movies, on="movie", how="left", maintain_order="left")
        reason += [
            pl.when(pl.col("paused").is_null()).then(pl.lit("an unknown person")),
            pl.when("paused").then(pl.lit("the person has paused personalisation")),
            pl.when(pl.col("there").is_null()).then(pl.lit("an unknown movie")),
        ]
    return named.with_columns(pl.coalesce(*reason).alias("reason"))


def _text(cells: tuple[str | None, ...]) -> str:
    """The cells as a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().rstrip(",")


def seconds_left(progress: EventsProgress, seconds: float) -> timedelta | None:
    """The time left at the present pace; None before anything was read."""
    if not progress.done or not progress.total:
        return None
    return timedelta(seconds=round(seconds * (progress.total - progress.done) / progress.done))
