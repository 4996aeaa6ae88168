"""``manage.py import_events FILE``."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from events.imports.events_columns import FORMATS
from events.imports.events_console import events_progress
from events.imports.events_services import DEFAULT_SOURCE, EventsSummary, events_import
from movies.caching.announcing import AnnouncingCommand
from movies.movielens.errors import ImportFailed


class Command(AnnouncingCommand):
    help = (
        "Imports events from a CSV, JSON Lines or Parquet file, whose columns docs/imports.md lists. Bad lines are left"
        " out and listed in a report. Running it again, also after an interruption, stores nothing twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE", help="a .csv, .jsonl or .parquet file")
        parser.add_argument("--format", choices=FORMATS, help="the format of a file with another extension")
        parser.add_argument(
            "--source",
            default=DEFAULT_SOURCE,
            help=f"the source of events of a file without that column, 40 characters at most ({DEFAULT_SOURCE})",
        )
        parser.add_argument("--report", type=Path, help="CSV file for bad lines; default: FILE-bad-lines.csv")
        parser.add_argument("--dry-run", action="store_true", help="only check the lines; store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"]
        report = options["report"] or path.with_name(f"{path.stem}-bad-lines.csv")
        if report.resolve() == path.resolve():
            raise CommandError("--report names the file that is imported.")
        if not 0 < len(options["source"]) <= 40:
            raise CommandError("--source has 1 to 40 characters.")
        summary = EventsSummary()
        try:
            with events_progress(sys.stderr, quiet=options["verbosity"] == 0) as show:
                events_import(
                    path=path,
                    form=options["format"],
                    source=options["source"],
                    report=report,
                    dry_run=options["dry_run"],
                    on_progress=show,
                    summary=summary,
                )
        except ImportFailed as error:
            raise CommandError(f"{error}\n{_stored(summary)}") from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database did not answer: {error}\n{_stored(summary)}") from error
        except KeyboardInterrupt as error:
            raise CommandError(f"Interrupted. {_stored(summary)}", returncode=130) from error
        self.stdout.write("\n".join(_lines(path, summary)))
        if not summary.good:
            raise CommandError("No line was read." if not summary.rows else "Every line is bad. Nothing was changed.")


def _stored(summary: EventsSummary) -> str:
    """What an import that ended early has stored."""
    if not summary.new:
        return "Nothing was changed."
    return f"{summary.new:,} events are stored; run it again to import the rest."


def _lines(path: Path, summary: EventsSummary) -> list[str]:
    """The lines that describe the summary."""
    pace = f"{summary.rows:,} lines in {summary.seconds:.1f} s ({summary.rows_per_second:,.0f} a second)"
    if summary.dry_run:
        lines = [f"{path.name}: {pace}; nothing was stored", f"  good     {summary.good:>12,}"]
    else:
        lines = [
            f"{path.name}: {pace}",
            f"  events   {summary.new:>12,} new {summary.known:>12,} known",
            f"  people   {summary.people_new:>12,} new",
        ]
    if summary.bad:
        lines.append(f"  bad      {summary.bad:>12,} lines, listed in {summary.report}")
        lines += [f"    {count:>8,} {reason}" for reason, count in sorted(summary.bad_lines.items())]
        lines += [f"  {line}" for line in summary.first_bad]
    return lines
