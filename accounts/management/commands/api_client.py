"""Makes API keys of client applications from a shell, lists and revokes them."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.clients import services
from accounts.clients.models import ClientKey
from accounts.clients.scopes import Scope

MAX_DAYS = 36_500


class Command(BaseCommand):
    """``create`` prints the key once, alone on its line on standard output; the rest goes to standard error."""

    help = "Create, list and revoke API keys of client applications."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a key, and its client if there is none of this name")
        create.add_argument("name", help="the client's name")
        create.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, help="what the key may do; repeatable"
        )
        create.add_argument("--expires", type=int, metavar="DAYS", help="by default the key does not expire")
        create.add_argument("--rate-limit", default="", metavar="RATES", help="such as 6000/m:500 or 5000/h")
        actions.add_parser("list", help="list all keys")
        revoke = actions.add_parser("revoke", help="revoke a key at once")
        revoke.add_argument("prefix", help="the part of the key before the dot")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "create":
            self._create(options)
        elif options["action"] == "list":
            self._list()
        else:
            self._revoke(options["prefix"])

    def _create(self, options: dict[str, Any]) -> None:
        days = options["expires"]
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--expires takes 1 to {MAX_DAYS} days.")
        expires_at = None if days is None else timezone.now() + timedelta(days=days)
        try:
            with transaction.atomic():
                client = services.client_get_or_create(name=options["name"])
                key, text = services.key_create(
                    client=client, scopes=options["scope"], expires_at=expires_at, rate_limit=options["rate_limit"]
                )
        except ValidationError as error:
            problems = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
            raise CommandError(" ".join(problems)) from error
        ends = "does not expire" if expires_at is None else f"expires {expires_at:%Y-%m-%d %H:%M} UTC"
        self.stderr.write(f"Created {key} of {client}: {', '.join(key.scopes)}; {ends}. It is shown only now:")
        self.stdout.write(text)

    def _list(self) -> None:
        for key in ClientKey.objects.select_related("client").order_by("client__name", "created_at"):
            state = key.state if key.client.is_active else "client inactive"
            used = "never used" if key.last_used_at is None else f"used {key.last_used_at:%Y-%m-%d %H:%M}"
            ends = "" if key.expires_at is None else f", expires {key.expires_at:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{key.prefix}  {state}  {key.client}  {','.join(key.scopes)}  {used}{ends}")

    def _revoke(self, prefix: str) -> None:
        # The whole key works too, as that is what a person has at hand when it has leaked.
        try:
            key = services.key_revoke(prefix=prefix.partition(".")[0])
        except ClientKey.DoesNotExist as error:
            raise CommandError("There is no key with this prefix.") from error
        self.stderr.write(f"Revoked {key} of {key.client}.")
