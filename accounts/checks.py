"""System checks of the settings of accounts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from accounts.totp_modes import MODES

CONSOLE = "django.core.mail.backends.console.EmailBackend"


def check_mail(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A check of ``manage.py check --deploy``: links reach nobody without a mail server."""
    if settings.EMAIL_BACKEND != CONSOLE:
        return []
    said = "EMAIL_URL is not set: the worker prints the links that register people and set passwords, and mails none."
    return [Warning(said, id="accounts.W001")]


def check_totp(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A check that a misspelt mode is found at startup; until then it counts as required."""
    if settings.ADMIN_TOTP in MODES:
        return []
    return [Error(f"ADMIN_TOTP: {settings.ADMIN_TOTP!r} is none of {', '.join(MODES)}.", id="accounts.E001")]
