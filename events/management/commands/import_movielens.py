"""``manage.py import_movielens PATH``."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from events.imports.services import ImportSummary, movielens_import
from movies.imports.command import ImportCommand
from movies.imports.progress import OnProgress


class Command(ImportCommand):
    help = (
        "Imports a MovieLens data set (movies, people, ratings, tags) from a folder or a zip, all or nothing."
        " Running it again changes nothing."
    )
    path_help = "folder or zip in any official layout: CSV, .dat or u.*"
    unit = "line"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dataset", help="the name to store it under; default: the name of its folder")

    def run_import(self, options: dict[str, Any], report: Path | None, on_progress: OnProgress) -> ImportSummary:
        return movielens_import(
            path=options["path"],
            dataset=options["dataset"],
            skip_bad=options["skip_bad"],
            report=report,
            on_progress=on_progress,
        )

    def summary_lines(self, summary: ImportSummary) -> list[str]:
        return [
            f"{summary.dataset}: imported in {summary.seconds:.1f} s",
            f"  movies   {summary.movies_new:>12,} new {summary.movies_known:>12,} known"
            + (f" ({summary.movies_filled:,} of them got an id)" if summary.movies_filled else ""),
            f"  people   {summary.people_new:>12,} new {summary.people_known:>12,} known",
            f"  ratings  {summary.ratings_new:>12,} new {summary.ratings_changed:>12,} changed"
            f" {summary.ratings_unchanged:>12,} unchanged ({summary.ratings_per_second:,.0f} a second)",
            f"  tags     {summary.tags_new:>12,} new {summary.tags_known:>12,} known",
        ]
