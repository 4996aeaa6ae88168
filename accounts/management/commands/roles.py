"""Shows the roles of staff, brings them in step, and gives them to people."""

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.staff.roles import Role, role_grant, roles_sync


class Command(BaseCommand):
    help = "List the roles of staff and who has them, bring their permissions in step, or give them to a person."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="print each role, its number of permissions, and who has it")
        actions.add_parser("sync", help="give each role its permissions, as each migrate does")
        grant = actions.add_parser("grant", help="give a person exactly these roles, and make them staff")
        grant.add_argument("email", help="of a person who signs in")
        grant.add_argument("roles", nargs="*", help=f"{', '.join(Role)}; none: no member of staff any more")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "list":
                self._list()
            case "sync":
                changed = roles_sync()
                for role, (added, removed) in changed.items():
                    self.stdout.write(f"{role}: {added} added, {removed} removed")
                if not changed:
                    self.stdout.write("Nothing had to change.")
            case _:
                self._grant(options["email"], options["roles"])

    def _list(self) -> None:
        for group in Group.objects.filter(name__in=list(Role)).order_by("pk"):
            holders = User.objects.filter(groups=group).order_by("email").values_list("email", flat=True)
            names = ", ".join(filter(None, holders)) or "nobody"
            self.stdout.write(f"{group.name} ({group.permissions.count()} permissions): {names}")

    def _grant(self, email: str, roles: list[str]) -> None:
        try:
            user = role_grant(email=email, roles=roles)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{user}: {', '.join(roles) or 'no role'}.")
