"""``manage.py experiments``: lists, starts, stops and reads experiments."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from movies.caching.announcing import AnnouncingCommand
from recommendations.experiments.results import ArmResult, ExperimentResults, experiment_results
from recommendations.experiments.selectors import experiment_by_name, experiment_list, state_of
from recommendations.experiments.services import experiment_start, experiment_stop
from recommendations.models import Experiment

_WIDTH = 120


class Command(AnnouncingCommand):
    help = (
        "Lists experiments; starts or stops one; prints its results. Drafts are made in the admin or by POST"
        " /api/experiments/. docs/experiments.md says what the figures mean."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="all experiments, newest first")
        for action, text in (
            ("start", "starts a draft"),
            ("stop", "stops a running experiment"),
            ("results", "prints the results at this moment"),
        ):
            actions.add_parser(action, help=text).add_argument("name", help="the name of the experiment")

    def handle(self, *args: Any, action: str, name: str = "", **options: Any) -> None:
        console = Console(file=self.stdout, width=_WIDTH)  # type: ignore[arg-type]  # It only writes.
        if action == "list":
            if experiments := list(experiment_list()):
                console.print(_experiments_table(experiments))
            else:
                self.stderr.write("There are no experiments. Draft one in the admin or by POST /api/experiments/.")
            return
        experiment = self._found(name)
        if action == "results":
            results = experiment_results(experiment=experiment)
            console.print(_results_table(results))
            for warning in results.warnings:
                self.stderr.write(self.style.WARNING(warning))
            return
        try:
            done = {"start": experiment_start, "stop": experiment_stop}[action](experiment=experiment)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Experiment {done.name} is {done.status}.")

    def _found(self, name: str) -> Experiment:
        try:
            return experiment_by_name(name)
        except Experiment.DoesNotExist as error:
            raise CommandError(f"There is no experiment {name!r}. experiments list names them.") from error


def _experiments_table(experiments: list[Experiment]) -> Table:
    table = Table("experiment", "status", "metric", "share", "arms", "started", "ends", title="Experiments")
    for experiment in experiments:
        arms = ", ".join(f"{arm.name}*" if arm.control else arm.name for arm in experiment.arms.all())
        times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (experiment.started_at, experiment.ends_at)]
        row = [experiment.name, state_of(experiment), experiment.metric, f"{experiment.share:.2%}", arms, *times]
        table.add_row(*row)
    table.caption = "* the control"
    return table


def _results_table(results: ExperimentResults) -> Table:
    title = f"{results.experiment.name}: {results.experiment.metric}, as of {results.as_of:%Y-%m-%d %H:%M} UTC"
    columns = ["arm", "people", "impressions", "mean", "difference", "interval", "p", "detectable"]
    table = Table(*columns, title=title)
    for arm in results.arms:
        table.add_row(*_result_row(arm))
    needed = "" if results.people_needed is None else f" {results.people_needed} people in each arm show the effect."
    table.caption = f"Valid however often it is read. Sample ratio p {results.sample_ratio_p:.3f}.{needed}"
    return table


def _result_row(arm: ArmResult) -> list[str]:
    name = f"{arm.name} (control)" if arm.control else arm.name
    row = [name, str(arm.people), str(arm.impressions), "" if arm.mean is None else f"{arm.mean:.4f}"]
    found = arm.comparison
    if found is None:
        return [*row, "" if arm.control else "too little data", "", "", ""]
    interval = f"{found.interval.low:+.4f} to {found.interval.high:+.4f}"
    return [*row, f"{found.difference:+.4f}", interval, f"{found.p_value:.4f}", f"{found.detectable:.4f}"]
