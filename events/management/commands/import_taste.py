"""``manage.py import_taste FILE``."""

import sys
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.clients.models import Client
from accounts.clients.users import client_user_find
from accounts.models import User
from accounts.privacy.pausing import PersonalisationPausedError
from events.taste.formats.matching import AMBIGUOUS
from events.taste.models import TasteImport
from events.taste.preview import film_name, movie_names, preview_write
from events.taste.selectors import taste_import_films, taste_import_unmatched_csv
from events.taste.services import taste_import_confirm, taste_import_create, taste_import_delete


class Command(BaseCommand):
    """Shows the preview, asks, and records; without a terminal and without ``--yes`` it only shows."""

    help = (
        "Imports a person's taste from another site: Letterboxd's zip or CSV files, IMDb's ratings or lists, Trakt's"
        " zip, Movary's CSV files, MovieLens' ratings. It shows what was matched before it records anything. Importing"
        " the same file again changes nothing. docs/imports.md lists the files and says how films are matched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the export, with the name it came with")
        parser.add_argument("--user", metavar="EMAIL", help="the person's e-mail address")
        parser.add_argument("--client", metavar="NAME", help="or the client application whose user it is")
        parser.add_argument("--external-id", metavar="ID", help="and the client's id of the user")
        parser.add_argument("--yes", action="store_true", help="record what is matched without asking")
        parser.add_argument("--unmatched", type=Path, metavar="FILE", help="write the other films here, as CSV")

    def handle(self, *args: Any, **options: Any) -> None:
        user = _user(options)
        try:
            # Before anything is recorded: the file may not be writable.
            unmatched = options["unmatched"].open("w", encoding="utf-8", newline="") if options["unmatched"] else None
        except OSError as error:
            raise CommandError(f"{options['unmatched']} cannot be written: {error.strerror}.") from error
        try:
            self._import(user, options, unmatched)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except PersonalisationPausedError as error:
            raise CommandError("This person has paused personalisation: nothing is recorded.") from error
        except User.DoesNotExist as error:
            raise CommandError("This person was deleted meanwhile.") from error
        finally:
            if unmatched is not None:
                unmatched.close()

    def _import(self, user: User, options: dict[str, Any], unmatched: IO[str] | None) -> None:
        path = options["file"]
        try:
            with path.open("rb") as file:
                created = taste_import_create(user=user, file=file, name=path.name)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            preview_write(self.stdout, created)  # type: ignore[arg-type]  # It writes text, as a stream does.
            asks = not options["yes"] and sys.stdin.isatty()
            choices = self._choices(created) if asks else {}
            if options["yes"] or (asks and self._answer("Record this? [y/N] ").lower() in ("y", "yes")):
                done = taste_import_confirm(user=user, import_id=created.pk, choices=choices)
                self._say(done)
            else:
                self.stdout.write("Nothing was recorded; --yes records what is matched.")
            if unmatched is not None:
                unmatched.writelines(taste_import_unmatched_csv(taste_import=created))
        finally:
            taste_import_delete(user=user, import_id=created.pk)

    def _choices(self, created: TasteImport) -> dict[int, int]:
        """Asks which movie each ambiguous film is; an empty answer leaves it out."""
        films = list(taste_import_films(taste_import=created).filter(outcome=AMBIGUOUS))
        names, chosen = movie_names(films), {}
        for film in films:
            offered = ", ".join(f"{number}: {names.get(pk, pk)}" for number, pk in enumerate(film.candidates, start=1))
            if number := self._number(f"{film_name(film)} is {offered}; none: Enter. ", len(film.candidates)):
                chosen[film.position] = film.candidates[number - 1]
        return chosen

    def _number(self, question: str, highest: int) -> int:
        """Asks until the answer is one of the numbers, or empty: 0."""
        while answer := self._answer(question):
            if answer.isascii() and answer.isdigit() and 1 <= int(answer[:9]) <= highest:
                return int(answer[:9])
            self.stderr.write(f"Enter a number from 1 to {highest}, or nothing.")
        return 0

    def _say(self, done: TasteImport) -> None:
        recorded = ", ".join(f"{count:,} {kind}" for kind, count in sorted(done.result["recorded"].items()))
        unchanged = sum(done.result["unchanged"].values())
        self.stdout.write(f"Recorded: {recorded or 'nothing new'}. Known already, or older: {unchanged:,}.")

    def _answer(self, question: str) -> str:
        try:
            return input(question).strip()
        except EOFError:
            return ""


def _user(options: dict[str, Any]) -> User:
    """The person whom the options name. Raises CommandError."""
    email, client, external_id = options["user"], options["client"], options["external_id"]
    if bool(email) == bool(client) or bool(client) != bool(external_id):
        raise CommandError("Name the person: --user EMAIL, or --client NAME with --external-id ID.")
    if email:
        found = User.objects.filter(email=User.objects.normalize_email(email)).first()
        problem = f"Nobody has the address {email}."
    else:
        owner = Client.objects.filter(name=client).first()
        if owner is None:
            raise CommandError(f"There is no client application {client!r}. api_client list names them.")
        found = client_user_find(client_id=owner.pk, external_id=external_id)
        problem = f"{client} has no user {external_id!r}."
    if found is None:
        raise CommandError(problem)
    return found
