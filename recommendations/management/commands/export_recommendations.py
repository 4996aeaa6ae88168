"""``manage.py export_recommendations``: everybody's list as a CSV or Parquet table."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from recommendations.exports.services import recommendations_export_live
from recommendations.standalone.bundle import BundleError
from recommendations.standalone.exporting import recommendations_export_bundle
from recommendations.standalone.tables import ExportError, OnShare


class Command(BaseCommand):
    help = (
        "Writes everybody's list, best first, as user,movie,rank,score: of the live version, in the ids of the imported"
        " data set; or, with --model, of a folder that train --out wrote, which needs no database. An existing file is"
        " replaced once the new one is complete. In CSV, an id that a spreadsheet would read as a formula gets an"
        " apostrophe; Parquet keeps it unchanged."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="OUT.csv|OUT.parquet", help="the file to write")
        parser.add_argument("--model", type=Path, metavar="DIR", help="a folder that train --out wrote")
        parser.add_argument(
            "--limit", type=int, default=100, metavar="N", help="maximum length of a list, 1 to 100 (100)"
        )
        parser.add_argument(
            "--dataset", metavar="NAME", help="the data set whose ids are used, if several were imported"
        )
        parser.add_argument(
            "--ids",
            choices=["dataset", "internal"],
            default="dataset",
            help="internal: this database's ids, which includes people who registered on the site (dataset)",
        )
        parser.add_argument("--quiet", action="store_true", help="show no progress and no summary")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["limit"] <= 100:
            raise CommandError(f"--limit must be 1 to 100, not {options['limit']}.")
        internal = options["ids"] == "internal"
        if options["dataset"] is not None and (internal or options["model"]):
            raise CommandError("--dataset goes with the ids of an imported data set only.")
        if internal and options["model"]:
            raise CommandError(
                "--ids internal goes with the live version only; a model's folder has the ids of its data."
            )
        console = Console(file=cast(IO[str], self.stdout), quiet=options["quiet"], soft_wrap=True)
        columns = [TextColumn("{task.description:<20}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
        try:
            with Progress(*columns, console=console) as progress:
                bar = progress.add_task("writing lists", total=1.0)
                summary_line = _export(options, lambda share: progress.update(bar, completed=share))
        except (ExportError, BundleError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['path']} was not written: {error}") from error
        console.print(summary_line)


def _export(options: dict[str, Any], on_share: OnShare) -> str:
    path, limit = options["path"], options["limit"]
    if options["model"]:
        rows = recommendations_export_bundle(folder=options["model"], path=path, limit=limit, on_share=on_share)
        return f"{path}: {rows:,} rows of the model in {options['model']}."
    summary = recommendations_export_live(
        path=path, dataset=options["dataset"], internal=options["ids"] == "internal", limit=limit, on_share=on_share
    )
    summary_line = f"{path}: {summary.rows:,} rows for {summary.people:,} people of {summary.source}."
    if summary.left_out:
        summary_line += (
            f" {summary.left_out:,} people are not in that data set and were left out; --ids internal includes them."
        )
    return summary_line
