"""``manage.py replay_erasures``: after a backup was restored, erases people again who had been erased."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.privacy.erasures import erasures_path
from accounts.privacy.replay import erasures_replay


class Command(BaseCommand):
    help = (
        "Erases everybody again whom ERASURES_FILE or the database names as erased. Run it after restoring a backup, "
        "before the site is reached. Repeating it changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=None, help="Read this file instead of ERASURES_FILE.")

    def handle(self, *args: Any, **options: Any) -> None:
        given: Path | None = options["file"]
        if given is not None and not given.is_file():
            raise CommandError(f"There is no file {given}.")
        path = given or erasures_path()
        missing = path is not None and not path.exists()  # Checked first: the replay may write it.
        try:
            replay = erasures_replay(path=path)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        if path is None:
            self.stderr.write("ERASURES_FILE is not set: only erasures in the database are replayed.")
        elif missing:
            self.stderr.write(
                f"There is no file {path}, only erasures in the database are replayed. Is ERASURES_FILE right?"
            )
        self.stdout.write(f"{replay.known} erasures are known; {replay.erased} people were erased again.")
        if replay.unreadable:
            lines = ", ".join(map(str, replay.unreadable[:20]))
            raise CommandError(f"These lines of {path} cannot be read; the rest was replayed: {lines}.")
