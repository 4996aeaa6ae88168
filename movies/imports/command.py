"""The base class of commands that import a file: options, progress, errors and the summary."""

import sys
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.management.base import CommandError

from movies.caching.announcing import AnnouncingCommand
from movies.imports.console import console_progress
from movies.imports.progress import OnProgress
from movies.movielens.errors import ImportFailed


class Summary(Protocol):
    """The fields that the summaries of all imports share."""

    bad_lines: Mapping[str, int]
    report: Path | None


class ImportCommand(AnnouncingCommand):
    """An import command with ``path``, ``--skip-bad`` and ``--report``. It imports everything or nothing."""

    path_help: str
    # The singular noun for the file's parts: "line" or "record".
    unit: str

    @abstractmethod
    def run_import(self, options: dict[str, Any], report: Path | None, on_progress: OnProgress) -> Any:
        """Runs the import and returns a Summary. Raises ImportFailed, with nothing changed."""

    @abstractmethod
    def summary_lines(self, summary: Any) -> list[str]:
        """The lines that describe the summary, without those about skipped parts."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help=self.path_help)
        parser.add_argument("--skip-bad", action="store_true", help=f"skip malformed {self.unit}s, and report them")
        parser.add_argument("--report", type=Path, help=f"CSV file for skipped {self.unit}s; default: in var/imports/")

    def handle(self, *args: Any, **options: Any) -> None:
        report = self._report(options)
        try:
            with console_progress(sys.stderr, quiet=options["verbosity"] == 0) as show:
                summary = self.run_import(options, report, show)
        except ImportFailed as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted. Nothing was changed.", returncode=130) from error
        self.stdout.write("\n".join([*self.summary_lines(summary), *self._skipped(summary)]))

    def _report(self, options: dict[str, Any]) -> Path | None:
        report: Path | None = options["report"]
        if report is not None and not options["skip_bad"]:
            raise CommandError(
                f"--report needs --skip-bad: without it the first malformed {self.unit} stops the import."
            )
        if options["skip_bad"] and report is None:
            folder = Path(settings.VAR_DIR) / "imports"
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CommandError(f"The report cannot be written to {folder}: {error.strerror}.") from error
            report = folder / f"{options['path'].resolve().stem}-bad-lines.csv"
        return report

    def _skipped(self, summary: Summary) -> list[str]:
        if not summary.bad_lines:
            return []
        total = sum(summary.bad_lines.values())
        counts = [f"    {count:>8,} {reason}" for reason, count in sorted(summary.bad_lines.items())]
        return [f"  skipped  {total:>12,} malformed {self.unit}s, listed in {summary.report}", *counts]
