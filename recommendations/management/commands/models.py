"""``manage.py models``: lists, shows and compares model versions, publishes one, or rolls back."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console
from rich.table import Table

from movies.caching.announcing import AnnouncingCommand
from recommendations.models import ModelVersion
from recommendations.training.comparison import (
    ComparedValue,
    facts_compare,
    flat,
    hyperparameters_compare,
    metrics_compare,
)
from recommendations.training.decisions import version_publish_because, version_rollback_because
from recommendations.training.gate import MEASURE
from recommendations.training.version_facts import version_details, version_summaries

DEFAULT_LIMIT = 20
_MAX_ID = 2**63 - 1
_WIDTH = 160


class Command(AnnouncingCommand):
    help = (
        "Lists, shows and compares model versions; publishes one, also if the gate refused it; or rolls back to an"
        " earlier one. docs/training.md says which versions are kept and what the gate refuses."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listed = actions.add_parser("list", help="the newest versions, the newest first")
        listed.add_argument("--limit", type=_count, default=DEFAULT_LIMIT, help="how many (%(default)s)")
        shown = actions.add_parser("show", help="all that is known of a version, and what was decided about it")
        shown.add_argument("version", nargs="?", type=_number, help="its number; the live one by default")
        compared = actions.add_parser("compare", help="two versions: quality, data and cost, hyperparameters")
        compared.add_argument("version", type=_number, help="the number of the first version")
        compared.add_argument("other", nargs="?", type=_number, help="of the second one; the live one by default")
        published = actions.add_parser("publish", help="make a trained version live, also a refused one")
        published.add_argument("version", type=_number, help="its number")
        back = actions.add_parser("rollback", help="make the version before the live one, or the given one, live again")
        back.add_argument("version", nargs="?", type=_number, help="the number of the version to go back to")
        for action in (published, back):
            action.add_argument("--reason", required=True, help="why, for other staff; kept with the version")
        for action in (listed, shown, compared, published, back):
            action.add_argument("--json", action="store_true", help="print JSON instead of a table or a sentence")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        self._console = Console(file=self.stdout, width=_WIDTH)  # type: ignore[arg-type]  # It only writes.
        self._json = options["json"]
        getattr(self, f"_{action}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        rows = version_summaries(options["limit"])
        if self._json:
            self._print_json(rows)
        elif rows:
            self._console.print(_list_table(rows))
        else:
            self.stderr.write("There are no versions. Train one: manage.py train.")

    def _show(self, options: dict[str, Any]) -> None:
        details = version_details(_found(options["version"]))
        if self._json:
            self._print_json(details)
        else:
            self._console.print(_details_table(details))

    def _compare(self, options: dict[str, Any]) -> None:
        first, second = _found(options["version"]), _found(options["other"])
        if first == second:
            raise CommandError(f"Version {first.pk} is the same as itself. Name another one.")
        parts = {
            "quality": metrics_compare(first, second),
            "data and cost": facts_compare(first, second),
            "hyperparameters that differ": hyperparameters_compare(first, second),
        }
        if self._json:
            values = {name: [asdict(value) for value in found] for name, found in parts.items()}
            self._print_json({"first": first.pk, "second": second.pk, **values})
            return
        for name, found in parts.items():
            if found:
                self._console.print(_comparison_table(name, first, second, found))
            else:
                self.stdout.write(f"{name.capitalize()}: nothing.")

    def _publish(self, options: dict[str, Any]) -> None:
        version = _found(options["version"])
        if version.status == ModelVersion.Status.LIVE:
            raise CommandError(f"Version {version.pk} is live already.")
        try:
            live = version_publish_because(version=version, reason=options["reason"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self._print_live(live)

    def _rollback(self, options: dict[str, Any]) -> None:
        wanted = None if options["version"] is None else _found(options["version"])
        try:
            live = version_rollback_because(to=wanted, reason=options["reason"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self._print_live(live)

    def _print_live(self, live: ModelVersion) -> None:
        if self._json:
            self._print_json({"live": live.pk, "refusal": live.refusal})
            return
        refused = f", although it had been refused: {live.refusal}" if live.refusal else "."
        self.stdout.write(f"Version {live.pk} is live{refused}")

    def _print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, indent=2))


def _number(text: str) -> int:
    """The number of a version. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MAX_ID):
        raise ArgumentTypeError(f"{text!r} is not the number of a version.")
    return int(text)


def _count(text: str) -> int:
    """A number of lines, 1 or more. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10_000):
        raise ArgumentTypeError(f"{text!r} is not from 1 to 10000.")
    return int(text)


def _found(number: int | None) -> ModelVersion:
    """The version of this number, or the live one. Raises CommandError."""
    rows = ModelVersion.objects.live() if number is None else ModelVersion.objects.filter(pk=number)
    version = rows.first()
    if version is None:
        missing = "There is no live version" if number is None else f"There is no version {number}"
        raise CommandError(f"{missing}. manage.py models list shows the versions there are.")
    return version


def _list_table(rows: Sequence[dict[str, Any]]) -> Table:
    columns = ["version", "status", "trigger", "kept", MEASURE, "popularity", "people", "interactions", "finished"]
    table = Table(*columns, "reason", title="Model versions")
    for row in rows:
        table.add_row(
            *(str(row["version"]), _status(row), row["trigger"], "yes" if row["kept"] else ""),
            *(_text(row[MEASURE]), _text(row[f"popularity {MEASURE}"])),
            *(f"{row['people']:,}", f"{row['interactions']:,}", _text(row["finished_at"]), row["reason"]),
        )
    table.caption = "kept: it has its lists and vectors, so it can be published"
    return table


def _status(row: dict[str, Any]) -> str:
    """The status, of a training that runs with its stage and the age of its heartbeat."""
    if row["heartbeat_seconds"] is None:
        return str(row["status"])
    stage = f"{row['stage']} {row['progress']:.0%}, attempt {row['attempts']}"
    return f"{row['status']}\n{stage}\nsign of life {row['heartbeat_seconds']:.0f} s ago"


def _details_table(details: dict[str, Any]) -> Table:
    table = Table(title=f"Version {details['version']} is {details['status']}", show_header=False)
    decisions = details.pop("decisions")
    for name, value in flat(details).items():
        if value not in (None, ""):
            table.add_row(name, _text(value))
    for row in decisions:
        by = f", {row['made_by']}" if row["made_by"] else ""
        table.add_row(row["kind"], f"{_text(row['made_at'])}{by}: {row['reason']}")
    return table


def _comparison_table(name: str, first: ModelVersion, second: ModelVersion, values: Sequence[ComparedValue]) -> Table:
    table = Table("", f"version {first.pk}", f"version {second.pk}", "difference", "better", title=name.capitalize())
    better = {"first": str(first.pk), "second": str(second.pk)}
    for value in values:
        difference = "" if value.difference is None else f"{value.difference:+.5g}"
        table.add_row(value.name, _text(value.first), _text(value.second), difference, better.get(value.better, ""))
    return table


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, float):
        return f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
