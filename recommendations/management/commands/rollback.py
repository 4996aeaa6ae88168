"""``manage.py rollback``: makes an earlier model version live again."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from movies.caching.announcing import AnnouncingCommand
from recommendations.models import ModelVersion
from recommendations.training.publishing import version_rollback


class Command(AnnouncingCommand):
    help = "Makes the previous model version live again, or the given one, even if it was refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", nargs="?", type=int, help="the number of the version")

    def handle(self, *args: Any, version: int | None = None, **options: Any) -> None:
        wanted = None
        if version is not None:
            wanted = ModelVersion.objects.filter(pk=version).first()
            if wanted is None:
                raise CommandError(f"There is no version {version}.")
        try:
            live = version_rollback(to=wanted)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        refused = f", although it had been refused: {live.refusal}" if live.refusal else "."
        self.stdout.write(f"Version {live.pk} is live{refused}")
