"""``manage.py restore``: restores a backup into the configured database, which must be empty."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recsys_project.backups.errors import BackupError
from recsys_project.backups.services import backup_restore


class Command(BaseCommand):
    help = (
        "Restores a backup into the configured database, which must be empty or missing. Counts the rows of each table "
        "again, applies migrations, erases again who was erased after the backup (ERASURES_FILE), and drops cached "
        "answers."
    )
    # They ask a database that has no tables yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dump", type=Path, help="A .dump file that manage.py backup wrote.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            restored = backup_restore(dump=options["dump"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {restored.rows} rows of {restored.tables} tables, as many as the backup has.")
        if not restored.caches_dropped:
            self.stderr.write(
                "Redis did not answer: cached answers are dropped when it does, or expire within an hour."
            )
