"""``manage.py import_metadata PATH.csv``."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from movies.imports.console import shown_on
from movies.imports.errors import ImportFailed
from movies.imports.metadata import MetadataSummary, metadata_import


class Command(BaseCommand):
    help = (
        "Enriches movies with overview, cast, directors, keywords, genres, runtime, language and poster from a CSV."
        " Films are found by movielens_id, tmdb_id, or title and year. All or nothing; again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="CSV with a header, or a zip with one; several values parted by |")
        parser.add_argument("--skip-bad", action="store_true", help="skip malformed records, and report them")
        parser.add_argument("--report", type=Path, help="where skipped records go (CSV); default: in var/imports/")

    def handle(self, *args: Any, **options: Any) -> None:
        report: Path | None = options["report"]
        if report is not None and not options["skip_bad"]:
            raise CommandError("--report needs --skip-bad: without it the first malformed record stops the import.")
        if options["skip_bad"] and report is None:
            folder = Path(settings.VAR_DIR) / "imports"
            folder.mkdir(parents=True, exist_ok=True)
            report = folder / f"{options['path'].resolve().stem}-bad-lines.csv"
        try:
            with shown_on(sys.stderr, quiet=options["verbosity"] == 0) as show:
                summary = metadata_import(
                    path=options["path"], skip_bad=options["skip_bad"], report=report, on_progress=show
                )
        except ImportFailed as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted. Nothing was changed.", returncode=130) from error
        self._print(summary)

    def _print(self, summary: MetadataSummary) -> None:
        lines = [
            f"metadata: {summary.changed:,} movies changed, {summary.unchanged:,} as they were,"
            f" {summary.unmatched:,} records of no movie here ({summary.seconds:.1f} s)"
        ]
        if summary.ignored_columns:
            lines.append(f"  ignored columns: {', '.join(summary.ignored_columns)}")
        if summary.bad_lines:
            lines.append(f"  skipped {sum(summary.bad_lines.values()):,} malformed records, listed in {summary.report}")
            lines += [f"    {count:>8,} {reason}" for reason, count in sorted(summary.bad_lines.items())]
        self.stdout.write("\n".join(lines))
