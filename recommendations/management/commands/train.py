"""``manage.py train``: what the nightly task does, now, with its progress shown."""

from __future__ import annotations

from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from recommendations.models import ModelVersion
from recommendations.training import TrainingError, training_run


class Command(BaseCommand):
    help = "Trains the model on all feedback in the database, evaluates it and makes it live."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="show no progress and no table")

    def handle(self, *args: Any, quiet: bool = False, **options: Any) -> None:
        console = Console(file=cast(IO[str], self.stdout), quiet=quiet)
        columns = [TextColumn("{task.description:<20}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
        try:
            with Progress(*columns, console=console) as progress:
                bar = progress.add_task("starting", total=1.0)
                version = training_run(
                    on_progress=lambda stage, share: progress.update(bar, description=stage, completed=share)
                )
                progress.update(bar, description="done", completed=1.0)
        except TrainingError as error:
            raise CommandError(str(error)) from error
        console.print(_summary(version))


def _summary(version: ModelVersion) -> Table:
    """What was trained, how well, how long each stage took."""
    table = Table(title=f"Version {version.pk} is live", show_header=False)
    table.add_row("people", f"{version.people:,}")
    table.add_row("movies", f"{version.movies:,}")
    table.add_row("interactions", f"{version.interactions:,}")
    measured = {name: value for name, value in sorted(version.metrics.items()) if "@" in name}
    popularity = version.metrics.get("popularity", {})
    for name, value in measured.items():
        table.add_row(name, f"{value:.4f} (popularity {popularity.get(name, 0):.4f})")
    if measured:
        table.add_row("measured on", version.metrics["protocol"])
    else:
        table.add_row("measured on", "nothing: nobody has five likes yet")
    for stage, seconds in version.metrics["stages"]:
        table.add_row(f"seconds {stage}", f"{seconds:.1f}")
    table.add_row("peak memory", f"{version.peak_memory_mib:,} MiB")
    return table
