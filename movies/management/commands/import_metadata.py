"""``manage.py import_metadata PATH.csv``."""

from pathlib import Path
from typing import Any

from movies.imports.command import ImportCommand
from movies.imports.metadata import MetadataSummary, metadata_import
from movies.imports.progress import OnProgress


class Command(ImportCommand):
    help = (
        "Imports overview, cast, directors, keywords, genres, runtime, language and poster of movies from a CSV."
        " Movies are matched by movielens_id, tmdb_id, imdb_id, or title and year. Imports everything or nothing."
    )
    path_help = "CSV with a header, or a zip with one; several values separated by | or as a list"
    unit = "record"

    def run_import(self, options: dict[str, Any], report: Path | None, on_progress: OnProgress) -> MetadataSummary:
        return metadata_import(
            path=options["path"], skip_bad=options["skip_bad"], report=report, on_progress=on_progress
        )

    def summary_lines(self, summary: MetadataSummary) -> list[str]:
        lines = [
            f"metadata: {summary.changed:,} movies changed, {summary.unchanged:,} unchanged,"
            f" {summary.unmatched:,} records without a movie ({summary.seconds:.1f} s)"
        ]
        if summary.ignored_columns:
            lines.append(f"  ignored columns: {', '.join(summary.ignored_columns)}")
        return lines
