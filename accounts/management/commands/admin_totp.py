"""Gives staff an authenticator app for the admin, takes it away, and makes recovery codes."""

import io
from typing import Any

import segno
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import totp
from accounts.models import User
from accounts.totp_modes import OFF

_TRIES = 3


class Command(BaseCommand):
    """Secrets go to standard output, alone on their lines; the rest goes to standard error."""

    help = "Enrol staff in two-factor sign-in to the admin, reset it, and create recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        enrol = actions.add_parser(
            "enrol", help="print the secret of a new authenticator app, and ask for a first code"
        )
        enrol.add_argument("email", help="of a member of staff")
        enrol.add_argument("--no-confirm", action="store_true", help="ask for no code; for scripts")
        reset = actions.add_parser("reset", help="delete the authenticator app and the recovery codes")
        reset.add_argument("email", help="of a member of staff")
        codes = actions.add_parser("recovery-codes", help="print new recovery codes; those of before end")
        codes.add_argument("email", help="of a member of staff who is enrolled")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get_by_natural_key(options["email"])
        except User.DoesNotExist as error:
            raise CommandError("Nobody has this address.") from error
        match options["action"]:
            case "enrol":
                self._enrol(user, confirmed=options["no_confirm"])
            case "reset":
                found = totp.totp_reset(user=user)
                self.stderr.write("Deleted." if found else "There was nothing to delete.")
            case _:
                self._recovery_codes(user)

    def _enrol(self, user: User, *, confirmed: bool) -> None:
        if not user.is_staff:
            raise CommandError(f"{user} is no member of staff, and has nothing to sign in to.")
        try:
            device = totp.totp_enrol(user=user, confirmed=confirmed)
        except totp.TotpEnrolledError as error:
            raise CommandError(f"{user} is enrolled. To replace a lost phone: admin_totp reset {user}") from error
        if not confirmed:
            drawn = io.StringIO()
            segno.make(device.config_url, micro=False).terminal(out=drawn, compact=True)
            self.stdout.write(drawn.getvalue())
        self.stdout.write(device.config_url)
        if not confirmed:
            self._confirm(device)
        self.stderr.write(f"{user} is enrolled. Next: admin_totp recovery-codes {user}")
        if settings.ADMIN_TOTP == OFF:
            self.stderr.write(self.style.WARNING("ADMIN_TOTP is off, so the admin asks nobody for a code yet."))

    def _confirm(self, device: TOTPDevice) -> None:
        """Asks for a code of the new device; deletes the device if none is right."""
        try:
            for _ in range(_TRIES):
                self.stderr.write("Scan the code with an authenticator app, and enter the six digits that it shows:")
                if totp.totp_confirm(device=device, code=input()):
                    return
                self.stderr.write("That is not the code. Wait for the next one.")
        except (EOFError, KeyboardInterrupt):
            pass
        device.delete()
        raise CommandError("Not enrolled: no right code was entered.")

    def _recovery_codes(self, user: User) -> None:
        try:
            codes = totp.recovery_codes_create(user=user)
        except totp.NoTotpError as error:
            raise CommandError(f"{user} is not enrolled: admin_totp enrol {user}") from error
        self.stderr.write("Each is good once, instead of the app's code. They are shown only now:")
        for code in codes:
            self.stdout.write(code)
