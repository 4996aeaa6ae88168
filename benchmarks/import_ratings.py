"""How fast ratings are imported, against a bare COPY of the same rows.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/import_ratings.py ../shared/data/ml-1m.zip

Works in a database of its own on the configured server, as the tests do, and drops it at the end; the configured
database is neither read nor written. Runs alternate, and each starts with an empty ratings table. What is timed:

- import: the ratings stage of ``import_movielens`` (people and movies are timed apart, as "whole import"): unzip,
  parse, check every line, make the people, resolve ids, COPY, keys and indexes, commit. Twice: as on a first load
  (keys and indexes after the rows) and as into a table in use (row by row).
- bare COPY: the same rows of (user_id, movie_id, value, rated_at), already in the form COPY reads, with nothing to
  parse or look up; into a table with the primary key, unique constraint, index, check and foreign keys of
  events_rating, and, for comparison, into one with no index and no constraint at all. Each with its commit.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import scratch_database

DATABASE = "benchmark_import"
COLUMNS = "(user_id, movie_id, value, rated_at)"
PIECE = 1 << 18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="a MovieLens archive, as ml-1m.zip")
    parser.add_argument("--runs", type=int, default=3, help="alternating runs of each, at least 1 (default: 3)")
    options = parser.parse_args()
    if options.runs < 1 or not options.path.exists():
        parser.error("PATH must exist and RUNS be at least 1")
    with scratch_database(DATABASE):
        report(measure(options.path, options.runs), options.path)


def measure(path: Path, runs: int) -> dict[str, list[float]]:
    """Seconds of each run by what was measured; the rows' number under ``rows``."""
    from events.imports import services  # noqa: PLC0415

    seconds: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[], float]) -> None:
        seconds.setdefault(name, []).append(run())

    def run_import(whole: str, rebuild_from: int) -> float:
        _empty()
        with mock.patch.object(services, "MIN_DEFERRED_RATINGS", rebuild_from):
            started = time.perf_counter()
            summary = services.movielens_import(path=path)
            total = time.perf_counter() - started
        seconds.setdefault(whole, []).append(total)
        seconds["rows"] = [float(summary.ratings)]
        # The commit counts for the COPY, so it counts here.
        return summary.ratings_seconds + (total - summary.seconds)

    run_import("warm-up", 1)
    seconds.clear()
    for _ in range(runs):
        timed("import, first load", lambda: run_import("whole import, first load", 1))
        timed("bare COPY, with keys", lambda: _bare_copy(constrained=True))
        timed("import, table in use", lambda: run_import("whole import, table in use", 1 << 62))
        timed("bare COPY, no keys", lambda: _bare_copy(constrained=False))
    return seconds


def _empty() -> None:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare")
        cursor.execute("TRUNCATE accounts_user, movies_movie, movies_genre CASCADE")
        cursor.execute("CHECKPOINT")


def _copy_data() -> bytes:
    """The imported rows as COPY's text format has them, in the order in which they were imported."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        query = "SELECT user_id, movie_id, value, rated_at FROM events_rating ORDER BY id"
        with cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
            return b"".join(bytes(piece) for piece in copy)


def _bare_copy(*, constrained: bool) -> float:
    """Seconds from the start of the COPY to the end of its commit.

    People and movies of the import before are in place, so that the foreign keys hold.
    """
    from django.db import connection, transaction  # noqa: PLC0415

    rows = _copy_data()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare")
        cursor.execute("CREATE TABLE bare (LIKE events_rating INCLUDING IDENTITY)")
        if constrained:
            # Named by PostgreSQL; otherwise as events_rating has them.
            cursor.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'events_rating'::regclass AND contype IN ('p', 'u', 'c', 'f')"
            )
            for (definition,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE bare ADD {definition}")
            cursor.execute("CREATE INDEX ON bare (movie_id)")
        cursor.execute("CHECKPOINT")
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor, cursor.copy(f"COPY bare {COLUMNS} FROM STDIN") as copy:
        for start in range(0, len(rows), PIECE):
            copy.write(rows[start : start + PIECE])
    return time.perf_counter() - started


def report(seconds: dict[str, list[float]], path: Path) -> None:
    """Prints the medians, and the import's speed as a share of each bare COPY's."""
    rows = int(seconds.pop("rows")[0])
    keys = statistics.median(seconds["bare COPY, with keys"])
    heap = statistics.median(seconds["bare COPY, no keys"])
    table = Table(title=f"{path.name}: {rows:,} ratings, medians of {len(seconds['bare COPY, no keys'])} runs")
    table.add_column("what")
    for name in ("seconds", "from", "to", "rows/s", "speed against COPY with keys", "against COPY, no keys"):
        table.add_column(name, justify="right")
    for name, values in sorted(seconds.items()):
        middle = statistics.median(values)
        table.add_row(
            name,
            *(f"{value:.2f}" for value in (middle, min(values), max(values))),
            f"{rows / middle:,.0f}",
            f"{keys / middle:.2f}",
            f"{heap / middle:.2f}",
        )
    console = Console(width=140)
    console.print(table)
    ratio = keys / statistics.median(seconds["import, first load"])
    console.print(f"first load against a bare COPY with the table's own keys: {ratio:.2f} (asked: 0.50 or more)")


if __name__ == "__main__":
    main()
