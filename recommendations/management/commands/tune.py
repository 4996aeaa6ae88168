"""``manage.py tune``: runs the weekly search now and shows its progress."""

from __future__ import annotations

from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.forms.models import model_to_dict
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from recommendations.algorithms.pipeline.tune import Limits, Trial
from recommendations.management.tables import outcome_table, trials_table
from recommendations.training.attempts import TrainingError
from recommendations.training.tuning import tuning_run


class Command(BaseCommand):
    help = (
        "Searches the ranker's hyperparameters on a validation split of the feedback in the database and records every"
        " trial. The next training uses the best configuration if it beats the shipped one on a second split, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--trials", type=int, default=settings.TUNING_TRIALS, help="maximum number of trials (%(default)s)"
        )
        parser.add_argument(
            "--minutes", type=float, default=settings.TUNING_MINUTES, help="maximum minutes (%(default)s)"
        )
        parser.add_argument("--seed", type=int, default=0, help="seed of the splits and of the proposals (0)")
        parser.add_argument("--quiet", action="store_true", help="show no progress and no table")

    def handle(self, *args: Any, **options: Any) -> None:
        limits = limits_from(options)
        console = Console(file=cast(IO[str], self.stdout), quiet=options["quiet"])
        columns = [TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
        trials: list[Trial] = []
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("the shipped configuration", total=limits.trials)

            def show(trial: Trial) -> None:
                trials.append(trial)
                best = max((one.value for one in trials if one.value is not None), default=0.0)
                progress.update(bar, completed=len(trials), description=f"{trial.part}, best {best:.4f}")

            try:
                run = tuning_run(limits=limits, seed=options["seed"], on_trial=show)
            except TrainingError as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError("The search was interrupted; it changes nothing.", returncode=130) from None
        console.print(trials_table(trials))
        console.print(outcome_table(model_to_dict(run)))


def limits_from(options: dict[str, Any]) -> Limits:
    """The limits of a search from the options. Raises CommandError, naming the option."""
    if options["trials"] < 1:
        raise CommandError(f"--trials must be 1 or more, not {options['trials']}.")
    if not 0 < options["minutes"] <= 24 * 60:
        raise CommandError(f"--minutes must be above 0 and at most 1440, not {options['minutes']}.")
    if not 0 <= options["seed"] < 2**31:
        raise CommandError(f"--seed must be 0 or more, not {options['seed']}.")
    return Limits(options["trials"], options["minutes"] * 60)
