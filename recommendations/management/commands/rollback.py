"""``manage.py rollback``: makes an earlier model version live again."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from movies.caching.announcing import AnnouncingCommand
from recommendations.models import ModelVersion
from recommendations.training.decisions import version_rollback_because

DEFAULT_REASON = "Rolled back from the command line."


class Command(AnnouncingCommand):
    help = "Makes the previous model version live again, or the given one, even if it was refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", nargs="?", type=int, help="the number of the version")
        parser.add_argument("--reason", default=DEFAULT_REASON, help="why, for other staff; kept with the version")

    def handle(self, *args: Any, version: int | None = None, reason: str = DEFAULT_REASON, **options: Any) -> None:
        wanted = None
        if version is not None:
            wanted = ModelVersion.objects.filter(pk=version).first()
            if wanted is None:
                raise CommandError(f"There is no version {version}.")
        try:
            live = version_rollback_because(to=wanted, reason=reason)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        refused = f", although it had been refused: {live.refusal}" if live.refusal else "."
        self.stdout.write(f"Version {live.pk} is live{refused}")
