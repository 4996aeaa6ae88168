"""Links in mails: a signed id of the mail's row, good once and for ACCOUNT_LINK_HOURS.

The signature needs SECRET_KEY, so nobody can make a link from what the database holds.
"""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountMail

# Said of a link that is forged, of another kind, too old or used: the same for all.
LINK_GONE = "This link is not valid, or not any more. Ask for a new one."
_SALT = "accounts.links"


def link_address(*, mail: AccountMail) -> str:
    """The absolute address of a mail's link."""
    token = signing.dumps([mail.kind, mail.pk], salt=_SALT)
    if page := settings.ACCOUNT_LINKS[mail.kind]:
        return str(page).replace("{token}", token)
    return f"{_site()}{reverse(f'account-pages:{mail.kind}', args=[token])}"


def link_is_good(*, kind: str, token: str) -> bool:
    """Whether the link can be used now. It stays good."""
    try:
        with transaction.atomic():
            link_use(kind=kind, token=token)
            transaction.set_rollback(True)
    except ValidationError:
        return False
    return True


def link_use(*, kind: str, token: str) -> AccountMail:
    """Uses a link and returns its mail, locked; call it in the transaction of what the link does.

    Raises ValidationError for ``token`` if the link is forged, of another kind, too old or used.
    """
    lifetime = timedelta(hours=settings.ACCOUNT_LINK_HOURS[kind])
    mail = None
    try:
        given = signing.loads(token, salt=_SALT, max_age=lifetime)
        if isinstance(given, list) and len(given) == 2 and given[0] == kind and type(given[1]) is int:
            mail = AccountMail.objects.select_for_update().filter(pk=given[1], kind=kind, used_at=None).first()
    except (signing.BadSignature, ValueError):
        pass
    if mail is None or mail.sent_at is None:
        raise ValidationError({"token": LINK_GONE})
    mail.used_at = timezone.now()
    mail.save(update_fields=["used_at"])
    return mail


def _site() -> str:
    if settings.SITE_URL:
        return str(settings.SITE_URL)
    host = next((host for host in settings.ALLOWED_HOSTS if host != "*"), "localhost").lstrip(".")
    return f"https://{host}" if getattr(settings, "SECURE_SSL_REDIRECT", False) else f"http://{host}:8000"
