"""``manage.py train``: trains now and shows the progress; or trains on a file and writes a folder."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from movies.caching.announcing import AnnouncingCommand
from movies.movielens.errors import ImportFailed
from recommendations.algorithms.pipeline.train import NothingToTrainOnError, OnProgress
from recommendations.algorithms.pipeline.tune import TooLittleFeedbackError
from recommendations.management.commands.tune import limits_from
from recommendations.management.tables import outcome_table
from recommendations.models import ModelVersion
from recommendations.standalone.bundle import BundleError
from recommendations.standalone.training import StandaloneOptions, standalone_train
from recommendations.training.attempts import TrainingError
from recommendations.training.config import rating_config
from recommendations.training.folding import FoldingError, lists_fold
from recommendations.training.preconditions import settings_checked
from recommendations.training.services import training_run

# What shells report of a process that Ctrl-C ended.
_INTERRUPTED = 130


class Command(AnnouncingCommand):
    help = (
        "Trains the model on all feedback in the database, evaluates it and makes it live. With --data and --out it"
        " trains on a file and writes a folder instead, and needs neither the web application nor its database."
    )
    # With --data the command must run without a database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data",
            type=Path,
            metavar="PATH",
            help="a MovieLens archive (folder or zip), or a file of tab-separated: user item [rating [timestamp]]",
        )
        parser.add_argument("--out", type=Path, metavar="DIR", help="the folder of the model; with --data")
        parser.add_argument("--seed", type=int, default=0, help="seed of all random draws; with --data (0)")
        parser.add_argument("--tune", action="store_true", help="search hyperparameters first; with --data")
        parser.add_argument(
            "--trials",
            type=int,
            default=settings.TUNING_TRIALS,
            help="with --tune: maximum number of trials (%(default)s)",
        )
        parser.add_argument(
            "--minutes", type=float, default=settings.TUNING_MINUTES, help="with --tune: maximum minutes (%(default)s)"
        )
        parser.add_argument(
            "--force", action="store_true", help="make the new version live even if the gate refuses it; without --data"
        )
        parser.add_argument(
            "--incremental",
            action="store_true",
            help="train nothing: fold what people did since the training into their lists of the live version",
        )
        parser.add_argument(
            "--people", type=int, help="with --incremental: the most people, oldest lists first (FOLD_MAX_PEOPLE)"
        )
        parser.add_argument("--quiet", action="store_true", help="show no progress and no table")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=cast(IO[str], self.stdout), quiet=options["quiet"])
        if (options["data"] is None) != (options["out"] is None):
            raise CommandError("--data PATH and --out DIR go together.")
        if options["tune"] and options["data"] is None:
            raise CommandError("--tune goes with --data; manage.py tune searches on the feedback in the database.")
        if options["force"] and options["data"] is not None:
            raise CommandError("--force goes without --data: a folder replaces no version.")
        if options["people"] is not None and not options["incremental"]:
            raise CommandError("--people goes with --incremental.")
        if options["incremental"]:
            self._fold(console, options)
            return
        version: ModelVersion | None = None
        columns = [TextColumn("{task.description:<20}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("starting", total=1.0)

            def show(stage: str, share: float) -> None:
                progress.update(bar, description=stage, completed=share)

            table: RenderableType
            if options["data"]:
                table = _train_file(options, show)
            else:
                # On a terminal lines of the log would break the bar, which shows each stage anyway.
                version = _train_database(show, log_stages=not console.is_terminal, force=options["force"])
                table = _summary(version)
            show("done", 1.0)
        console.print(table)
        if version is not None:
            self._report_refusal(version)

    def _fold(self, console: Console, options: dict[str, Any]) -> None:
        """Raises CommandError."""
        if options["data"] is not None or options["force"]:
            raise CommandError("--incremental trains no version: it goes without --data, --out, --tune and --force.")
        if options["people"] is not None and options["people"] < 1:
            raise CommandError("--people must be 1 or more.")
        columns = [TextColumn("folding lists"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
        try:
            with Progress(*columns, console=console) as progress:
                bar = progress.add_task("folding", total=None)

                def show(done: int, people: int) -> None:
                    progress.update(bar, completed=done, total=people)

                outcome = lists_fold(limit=options["people"], on_progress=show)
        except FoldingError as error:
            raise CommandError(str(error)) from error
        console.print(f"{str(outcome)[0].upper()}{str(outcome)[1:]}.")

    def _report_refusal(self, version: ModelVersion) -> None:
        """Raises CommandError if the version did not go live."""
        if not version.refusal:
            return
        if version.status == ModelVersion.Status.LIVE:
            self.stderr.write(f"Version {version.pk} is live by --force. {version.refusal}")
            return
        raise CommandError(
            f"Version {version.pk} is trained but was refused; the live version stays. {version.refusal}"
            f' To publish it anyway: manage.py models publish {version.pk} --reason "WHY".'
        )


def _train_database(show: OnProgress, *, log_stages: bool, force: bool) -> ModelVersion:
    try:
        return training_run(on_progress=show, log_stages=log_stages, force=force)
    except TrainingError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        raise CommandError("The training was interrupted; the live version stays.", returncode=_INTERRUPTED) from None


def _train_file(options: dict[str, Any], show: OnProgress) -> Group:
    """Raises CommandError."""
    limits = limits_from(options)
    chosen = StandaloneOptions(
        seed=options["seed"],
        threads=settings.TRAINING_THREADS,
        max_items=settings.TRAINING_MAX_ITEMS,
        evaluated_people=settings.TRAINING_EVALUATED_PEOPLE,
        rating=rating_config(),
    )
    try:
        settings_checked()
        facts = standalone_train(
            options["data"], options["out"], chosen, limits=limits if options["tune"] else None, on_progress=show
        )
    except (TrainingError, ImportFailed, BundleError, NothingToTrainOnError, TooLittleFeedbackError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{options['out']} was not written: {error}") from error
    except KeyboardInterrupt:
        message = f"The training was interrupted; {options['out']} was not written."
        raise CommandError(message, returncode=_INTERRUPTED) from None
    return _standalone_summary(options["out"], facts)


def _standalone_summary(out: Path, facts: dict[str, Any]) -> Group:
    table = Table(title=f"Model of {facts['dataset']}, written to {out}", show_header=False)
    for name in ("people", "items", "interactions", "repeated"):
        table.add_row(name, f"{facts[name]:,}")
    _add_measured(table, facts["metrics"])
    for stage, seconds in facts["seconds"].items():
        table.add_row(f"seconds {stage}", f"{seconds:.1f}")
    table.add_row("peak memory", f"{facts['peak_memory_mib']:,} MiB")
    return Group(*([outcome_table(facts["tuning"])] if facts["tuning"] else []), table)


def _summary(version: ModelVersion) -> Table:
    """Data, metrics and seconds of a training."""
    table = Table(title=f"Version {version.pk} is {version.status}", show_header=False)
    table.add_row("people", f"{version.people:,}")
    table.add_row("movies", f"{version.movies:,}")
    table.add_row("interactions", f"{version.interactions:,}")
    _add_measured(table, version.metrics)
    for stage, seconds in version.metrics["stages"]:
        table.add_row(f"seconds {stage}", f"{seconds:.1f}")
    table.add_row("peak memory", f"{version.peak_memory_mib:,} MiB")
    return table


def _add_measured(table: Table, metrics: dict[str, Any]) -> None:
    measured = {name: value for name, value in sorted(metrics.items()) if "@" in name}
    popularity = metrics.get("popularity", {})
    for name, value in measured.items():
        table.add_row(name, f"{value:.4f} (popularity {popularity.get(name, 0):.4f})")
    if measured:
        table.add_row("measured on", metrics["protocol"])
    else:
        table.add_row("measured on", "nothing: nobody has five likes yet, or measuring is off")
    if "rating_rmse" in metrics:
        means = f"damped means {metrics['rating_rmse_baseline']:.4f}"
        table.add_row("RMSE of ratings", f"{metrics['rating_rmse']:.4f} ({means})")
        table.add_row("MAE of ratings", f"{metrics['rating_mae']:.4f}")
        table.add_row("measured on", f"{metrics['ratings_held_out']:,} ratings held out at random")
    for name, of in (("rating_refusal", "ratings in lists"), ("rating_factors_refusal", "ratings of anybody")):
        if name in metrics:
            table.add_row(of, metrics[name])
