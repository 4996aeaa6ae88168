"""``manage.py evaluate``: measures a protocol on a data set; prints a table, writes JSON and a plot. No database."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from movies.movielens.errors import ImportFailed
from recommendations.evaluation.plotting import plot_report
from recommendations.evaluation.protocols import PROTOCOLS, Options, Protocol, ProtocolError
from recommendations.evaluation.report import EvaluationReport

FILE_WIDTH = 160


class Command(BaseCommand):
    help = "Measures the nightly pipeline by a named protocol and compares it with published results."
    # Evaluating reads files only, and must run without a database.
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        names = "; ".join(f"{name}: {protocol.description}" for name, protocol in PROTOCOLS.items())
        data = "; ".join(f"{name}: {protocol.data}" for name, protocol in PROTOCOLS.items())
        parser.add_argument("--protocol", required=True, metavar="NAME", help=names)
        parser.add_argument("--data", required=True, type=Path, metavar="PATH", help=data)
        parser.add_argument("--metadata", type=Path, metavar="PATH", help="texts of the movies: movie-metadata.zip")
        parser.add_argument("--k", type=int, default=10, help="number of top items of a list that are measured (10)")
        parser.add_argument("--seed", type=int, default=0, help="seed of the protocol's random draws (0)")
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the report as JSON")
        parser.add_argument("--plot", type=Path, metavar="OUT.png", help="write a plot")
        parser.add_argument(
            "--ablation", action="store_true", help="also measure the pipeline without each of its parts in turn"
        )
        parser.add_argument("--quiet", action="store_true", help="show no progress")

    def handle(self, *args: Any, **options: Any) -> None:
        protocol = _protocol(options["protocol"])
        if options["ablation"] and not protocol.can_ablate:
            raise CommandError(f"{options['protocol']} has no ablation.")
        # Checked before the work, which takes minutes.
        for name in ("json", "plot"):
            _check_writable(options[name], f"--{name}")
        if options["seed"] < 0:
            raise CommandError(f"--seed must be 0 or more, not {options['seed']}.")
        report = self._run(protocol, options)
        # A file or a pipe has no width, and rich's default of 80 columns would break numbers.
        width = None if self.stdout.isatty() else FILE_WIDTH
        Console(file=cast(IO[str], self.stdout), width=width).print(_table(report), _facts(report))
        try:
            if options["json"]:
                report.write_json(options["json"])
            if options["plot"]:
                plot_report(report, options["plot"])
        except OSError as error:
            raise CommandError(f"The report cannot be written: {error}") from error

    def _run(self, protocol: Protocol, options: dict[str, Any]) -> EvaluationReport:
        columns = [TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
        console = Console(file=cast(IO[str], self.stderr), quiet=options["quiet"])
        try:
            with Progress(*columns, console=console) as progress:
                bar = progress.add_task("starting", total=1.0)
                settings = Options(
                    k=options["k"],
                    seed=options["seed"],
                    metadata=options["metadata"],
                    ablation=options["ablation"],
                    on_progress=lambda stage, share: progress.update(bar, description=stage, completed=share),
                )
                report = protocol.run(options["data"], settings)
                progress.update(bar, description="done", completed=1.0)
        except (ProtocolError, ImportFailed) as error:
            raise CommandError(str(error)) from error
        return report


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise CommandError(f"There is no protocol {name!r}. Choose one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def _check_writable(path: Path | None, option: str) -> None:
    """Check that ``path`` can be written. Raises CommandError otherwise."""
    if path is None:
        return
    if path.is_dir():
        raise CommandError(f"{option}: {path} is a folder; name a file.")
    if path.exists() and not os.access(path, os.W_OK):
        raise CommandError(f"{option}: {path} cannot be written.")
    try:
        with tempfile.NamedTemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise CommandError(f"{option}: {path} cannot be written: {error.strerror}.") from error


def _table(report: EvaluationReport) -> Table:
    """Our rows, then the published ones."""
    table = Table(title=f"{report.protocol} on {report.data}", title_justify="left", box=SIMPLE)
    table.add_column("model")
    names = report.metric_names()
    for name in names:
        table.add_column(name, justify="right")
        if name == report.main_metric:
            table.add_column("95% interval", justify="right")
    for row in report.rows:
        table.add_row(row.model, *_cells(names, row.figures, report.main_metric, row.interval), style="bold")
    table.add_section()
    for published in report.published:
        cells = _cells(names, published.figures, report.main_metric, None)
        table.add_row(published.model, *cells, style="dim")
    return table


def _cells(names: list[str], figures: dict[str, float], main: str, interval: Any) -> list[str]:
    cells: list[str] = []
    for name in names:
        cells.append(f"{figures[name]:.5f}" if name in figures else "")
        if name == main:
            cells.append(f"{interval.low:.4f} to {interval.high:.4f}" if interval else "published")
    return cells


def _facts(report: EvaluationReport) -> Table:
    table = Table(show_header=False, title="Run", title_justify="left", box=SIMPLE)
    for name, value in report.facts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    return table
