"""How fast events are imported and exported, and how much memory that takes.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/import_events.py --rows 1000000

Works in a database of its own on the configured server, as the tests do, and drops it at the end; the configured
database is neither read nor written. The file is made up: half of the lines are ratings, the others views, likes and
watches, of random people and movies in the order of time. Each format is imported into an empty table, and once more
when all is stored; then everything is exported. The peak of memory is that of this process, which is started again for
each format. Where other work keeps the processors busy, "alone" says what the slower of the two processes would do with
one of its own.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import scratch_database

DATABASE = "benchmark_events"
FORMATS = ("csv", "jsonl", "parquet")
COLUMNS = ("client", "external_id", "movielens_id", "kind", "value", "progress", "occurred_at")
FIRST = 1_500_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--movies", type=int, default=10_000)
    parser.add_argument("--format", choices=FORMATS, help="only this format, in this process")
    options = parser.parse_args()
    if options.format is None:
        for form in FORMATS:
            subprocess.run([sys.executable, *sys.argv, "--format", form], check=True)
        return
    with scratch_database(DATABASE), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events.{options.format}"
        write(path, options.format, lines(options.rows, options.people, options.movies))
        measure(path, options.movies)


def lines(rows: int, people: int, movies: int) -> Iterator[tuple[Any, ...]]:
    """Events in the order of COLUMNS."""
    chosen = random.Random(7)
    kinds = ("rating",) * 5 + ("view",) * 3 + ("like", "watch")
    for number in range(rows):
        kind = chosen.choice(kinds)
        value = chosen.randint(1, 10) / 2 if kind == "rating" else None
        progress = chosen.randint(0, 20) / 20 if kind == "watch" else None
        person, movie = f"u{int(people * chosen.random() ** 2)}", 1 + int(movies * chosen.random() ** 3)
        yield "bench", person, movie, kind, value, progress, FIRST + 10 * number


def write(path: Path, form: str, rows: Iterator[tuple[Any, ...]]) -> None:
    """Writes the file to import."""
    import polars as pl  # noqa: PLC0415

    if form == "parquet":
        pl.DataFrame(list(rows), COLUMNS, orient="row", infer_schema_length=None).write_parquet(path)
        return
    with path.open("w", newline="") as stream:
        if form == "csv":
            csv.writer(stream).writerow(COLUMNS)
            csv.writer(stream).writerows(rows)
        else:
            stream.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows)


def measure(path: Path, movies: int) -> None:
    """Imports the file twice and exports it, and prints the pace of each."""
    from accounts.models import Client  # noqa: PLC0415
    from events.exports.services import events_export  # noqa: PLC0415
    from events.imports.events_services import EventsSummary, events_import  # noqa: PLC0415
    from movies.models import Movie  # noqa: PLC0415

    Client.objects.create(name="bench")
    Movie.objects.bulk_create(Movie(title=f"Movie {number}", movielens_id=number) for number in range(1, movies + 1))
    say(path.suffix, f"{path.stat().st_size / 1e6:,.0f} MB; {memory():.0f} MB of memory before")

    def run(name: str) -> EventsSummary:
        before = processor_seconds()
        summary = events_import(path=path)
        own, server = (after - begun for after, begun in zip(processor_seconds(), before, strict=True))
        say(path.suffix, f"{name}: {summary.rows:,} rows, {summary.new:,} new, {summary.seconds:.1f} s")
        say(path.suffix, f"    {summary.rows_per_second:,.0f} rows/s, peak {memory():.0f} MB")
        busiest = max(own, server)
        say(
            path.suffix,
            f"    processor: {own:.1f} s, PostgreSQL {server:.1f} s: {summary.rows / busiest:,.0f} rows/s alone",
        )
        return summary

    summary = run("first import")
    if summary.bad:
        raise SystemExit(f"bad lines: {summary.bad_lines}")
    if run("second import").new:
        raise SystemExit("the second import stored events")
    started = time.perf_counter()
    rows = events_export(path=path.with_name(f"out{path.suffix}"))
    seconds = time.perf_counter() - started
    say(path.suffix, f"export: {seconds:.1f} s, {rows / seconds:,.0f} rows/s, peak {memory():.0f} MB")


def memory() -> float:
    """The most memory this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def processor_seconds() -> tuple[float, float]:
    """Seconds of processor time of this process and of its PostgreSQL backend, which work at the same time.

    Other work on the machine lengthens an import, but not these. The backend's are 0 on another machine.
    """
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.process_time(), 0.0
    return time.process_time(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(suffix: str, text: str) -> None:
    print(f"{suffix:>9} {text}", flush=True)


if __name__ == "__main__":
    main()
