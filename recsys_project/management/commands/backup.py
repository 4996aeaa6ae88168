"""``manage.py backup``: dumps the database into a folder, with a manifest of its rows."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recsys_project.backups.errors import BackupError
from recsys_project.backups.services import backup_create


class Command(BaseCommand):
    help = (
        "Dumps the configured database into a folder, in pg_dump's custom format, with a manifest beside it: the rows "
        "of each table, and the dump's SHA-256. The site goes on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="Where the backup is written; it is created if it is missing.")
        parser.add_argument(
            "--keep", type=_positive, help="Afterwards, remove all but this many of the newest backups."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            dump = backup_create(folder=options["folder"], keep=options["keep"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{dump} ({dump.stat().st_size / 1e6:.1f} MB)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("it must be a whole number from 1")
    return int(text)
