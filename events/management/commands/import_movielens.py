"""``manage.py import_movielens PATH``."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from events.imports.services import ImportSummary, movielens_import
from movies.imports.console import shown_on
from movies.imports.errors import ImportFailed


class Command(BaseCommand):
    help = (
        "Imports a MovieLens data set (movies, people, ratings, tags) from a folder or a zip, all or nothing."
        " Running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="folder or zip in any official layout: CSV, .dat or u.*")
        parser.add_argument("--skip-bad", action="store_true", help="skip malformed lines, and report them")
        parser.add_argument("--report", type=Path, help="where skipped lines go (CSV); default: in var/imports/")
        parser.add_argument("--dataset", help="the name to store it under; default: the name of its folder")

    def handle(self, *args: Any, **options: Any) -> None:
        report: Path | None = options["report"]
        if report is not None and not options["skip_bad"]:
            raise CommandError("--report needs --skip-bad: without it the first malformed line stops the import.")
        if options["skip_bad"] and report is None:
            folder = Path(settings.VAR_DIR) / "imports"
            folder.mkdir(parents=True, exist_ok=True)
            report = folder / f"{options['path'].resolve().stem}-bad-lines.csv"
        try:
            with shown_on(sys.stderr, quiet=options["verbosity"] == 0) as show:
                summary = movielens_import(
                    path=options["path"],
                    dataset=options["dataset"],
                    skip_bad=options["skip_bad"],
                    report=report,
                    on_progress=show,
                )
        except ImportFailed as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted. Nothing was changed.", returncode=130) from error
        self._print(summary)

    def _print(self, summary: ImportSummary) -> None:
        lines = [
            f"{summary.dataset}: imported in {summary.seconds:.1f} s",
            f"  movies   {summary.movies_new:>12,} new {summary.movies_known:>12,} known"
            + (f" ({summary.movies_filled:,} of them got an id)" if summary.movies_filled else ""),
            f"  people   {summary.people_new:>12,} new {summary.people_known:>12,} known",
            f"  ratings  {summary.ratings_new:>12,} new {summary.ratings_changed:>12,} changed"
            f" {summary.ratings_unchanged:>12,} unchanged ({summary.ratings_per_second:,.0f} a second)",
            f"  tags     {summary.tags_new:>12,} new {summary.tags_known:>12,} known",
        ]
        if summary.bad_lines:
            lines.append(
                f"  skipped  {sum(summary.bad_lines.values()):>12,} malformed lines, listed in {summary.report}"
            )
            lines += [f"    {count:>8,} {reason}" for reason, count in sorted(summary.bad_lines.items())]
        self.stdout.write("\n".join(lines))
