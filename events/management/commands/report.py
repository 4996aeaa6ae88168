"""``manage.py report recommendations``: what came of the lists of the last days."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from events.attribution.report import (
    CHOICES,
    PLOT_FORMATS,
    Interval,
    Report,
    plot_report,
    recommendations_report,
)
from events.attribution.services import statistics_refresh
from events.served.writer import served_drain

MAX_DAYS = 800
_BAR_WIDTH = 12
# Of the table, with room for each column.
_MIN_WIDTH = 140
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Command(BaseCommand):
    help = (
        "Prints what people did with the lists that they were shown in the last days, with 95% intervals. Counts are of"
        " impressions, a movie in a list that was shown; docs/attribution.md says what each figure means."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["recommendations"])
        parser.add_argument("--days", type=int, default=7, metavar="N", help=f"1 to {MAX_DAYS} (7)")
        parser.add_argument("--by", choices=CHOICES, default="source", help="one row for each of its values (source)")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_true", help="as CSV instead of a table")
        form.add_argument("--json", action="store_true", help="as JSON instead of a table")
        parser.add_argument(
            "--refresh", action="store_true", help="first count what was shown and done until now; else as of last hour"
        )
        parser.add_argument("--plot", type=Path, metavar="FILE.svg|FILE.png", help="also write a plot")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= MAX_DAYS:
            raise CommandError(f"--days must be 1 to {MAX_DAYS}, not {options['days']}.")
        if (path := options["plot"]) is not None and path.suffix.lower() not in PLOT_FORMATS:
            raise CommandError(f"--plot writes {' or '.join(PLOT_FORMATS)}, not {path.name}.")
        if options["refresh"]:
            self._refresh()
        report = recommendations_report(days=options["days"], by=options["by"])
        if not report.rows:
            self.stderr.write(_no_data(report))
        if options["json"]:
            self.stdout.write(_json(report))
        elif options["csv"]:
            _write_csv(report, cast(IO[str], self.stdout))
        elif report.rows:
            console = Console(file=cast(IO[str], self.stdout))
            console.width = max(console.width, _MIN_WIDTH)
            console.print(_table(report))
        if path is not None and report.rows:
            try:
                plot_report(report, path)
            except OSError as error:
                raise CommandError(f"{path} was not written: {error}") from error
            self.stderr.write(f"{path}: plotted.")

    def _refresh(self) -> None:
        """Does what the worker does each ten seconds and each hour: writes the log, and counts."""
        self.stderr.write("Counting …")
        served_drain()
        if statistics_refresh() is None:
            self.stderr.write(self.style.WARNING("Another process is counting; this is as of its last step."))


def _no_data(report: Report) -> str:
    if report.as_of is None:
        return (
            "There are no statistics yet. The worker counts them each hour, from the lists that people were shown;"
            " --refresh counts them now."
        )
    return f"No list was shown to anybody since {report.since:%Y-%m-%d %H:%M} UTC."


def _table(report: Report) -> Table:
    columns = ("shown", "click-through", "", "watch-through", "liked", "disliked", "hidden", "rated", "hours")
    table = Table(report.by, *columns, title=f"Recommendations, {report.since:%Y-%m-%d %H:%M} UTC until now")
    for column in (*table.columns[1:3], *table.columns[4:]):
        column.justify = "right"
    highest = max((row.click_through.rate for row in report.rows if row.click_through), default=0.0)
    for row in report.rows:
        counts, rating = row.outcomes, row.outcomes.average_rating
        table.add_row(
            row.label,
            f"{counts.impressions:,}",
            _percent(row.click_through),
            _bar(row.click_through.rate / highest if row.click_through and highest else 0.0),
            _percent(row.watch_through),
            *(f"{count:,}" for count in (counts.likes, counts.dislikes, counts.hides)),
            f"{counts.ratings:,}" + (f" (⌀ {rating:.2f})" if rating is not None else ""),
            f"{counts.hours_watched:,.1f}",
        )
    table.caption = f"Counted {report.as_of:%Y-%m-%d %H:%M} UTC. In parentheses: 95% intervals." if report.as_of else ""
    return table


def _percent(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.rate:.2%} ({100 * interval.low:.2f}-{100 * interval.high:.2f})"


def _bar(share: float) -> str:
    """A bar of up to _BAR_WIDTH characters, to an eighth of one."""
    eighths = round(share * _BAR_WIDTH * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _json(report: Report) -> str:
    head = {"by": report.by, "since": report.since.isoformat(), "until": report.until.isoformat()}
    as_of = report.as_of.isoformat() if report.as_of else None
    return json.dumps({**head, "as_of": as_of, "rows": [row.fields() for row in report.rows]}, indent=2)


def _write_csv(report: Report, out: IO[str]) -> None:
    """The rows; nothing but an empty file without any. Labels are left out: they may hold what staff typed."""
    rows = [{name: value for name, value in row.fields().items() if name != "label"} for row in report.rows]
    if rows:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
