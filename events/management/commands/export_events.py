"""``manage.py export_events FILE``."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime

from events.exports.files import ExportError
from events.exports.services import EventFilters, events_export
from events.imports.events_columns import FILE_KINDS, FORMATS
from events.imports.events_console import events_progress


class Command(BaseCommand):
    help = (
        "Writes events as CSV, JSON Lines or Parquet, in the columns that import_events reads. An existing file is"
        " replaced once the new one is complete. The file holds personal data; only its owner may read it. In CSV, a"
        " text that a spreadsheet would read as a formula gets an apostrophe, which import_events removes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE", help="a .csv, .jsonl or .parquet file")
        parser.add_argument("--format", choices=FORMATS, help="the format of a file with another extension")
        parser.add_argument("--since", metavar="TIME", help="only events from this time on, such as 2026-01-31 (UTC)")
        parser.add_argument("--until", metavar="TIME", help="only events before this time")
        parser.add_argument(
            "--kind", action="append", default=[], choices=FILE_KINDS, help="only this kind; repeatable"
        )
        parser.add_argument("--client", metavar="NAME", help="only users of this client application")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"]
        filters = EventFilters(
            since=_moment("--since", options["since"]),
            until=_moment("--until", options["until"]),
            kinds=tuple(options["kind"]),
            client=options["client"],
        )
        try:
            with events_progress(sys.stderr, quiet=options["verbosity"] == 0) as show:
                rows = events_export(path=path, form=options["format"], filters=filters, on_progress=show)
        except ExportError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{path} was not written: {error}") from error
        except KeyboardInterrupt as error:
            raise CommandError(f"Interrupted. {path} was not written.", returncode=130) from error
        self.stdout.write(f"{path}: {rows:,} events")


def _moment(option: str, text: str | None) -> datetime | None:
    """The time, in UTC if it names no zone. Raises CommandError."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
        day = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)
    if moment is None:
        raise CommandError(f"{option} is a date or a time, such as 2026-01-31 or 2026-01-31T12:00:00Z.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
