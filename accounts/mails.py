"""Mails about accounts. A request only writes a row; a sweep reads it, knows whether there is such an account, and
sends.

So a request takes the same work and time for an address with an account and for one without, and a mail server that is
slow or down keeps nobody waiting.
"""

from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPSenderRefused

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.links import link_address
from accounts.models import AccountMail, User

logger = structlog.get_logger(__name__)

_SUBJECTS = {
    "register": "Finish your registration",
    "registered": "You have an account already",
    "reset": "Set a new password",
}


def mails_send(*, limit: int = 100) -> int:
    """Sends the mails that wait, oldest first, each once; returns how many were handled.

    Stops when the mail server fails; the next sweep tries again. An address that the server refuses is given up.
    """
    for handled in range(limit):
        with transaction.atomic():
            waiting = AccountMail.objects.select_for_update(skip_locked=True).filter(sent_at=None)
            mail = waiting.order_by("pk").first()
            if mail is None or not _handle(mail):
                return handled
    return limit


def mails_flush() -> int:
    """Deletes the rows whose links have expired; returns how many."""
    return AccountMail.objects.filter(created_at__lt=_oldest()).delete()[0]


def _oldest() -> datetime:
    return timezone.now() - timedelta(hours=max(settings.ACCOUNT_LINK_HOURS.values()))


def _handle(mail: AccountMail) -> bool:
    """Sends a locked row's mail, or deletes the row if its address gets none. False if the mail server fails."""
    message = _message(mail) if mail.created_at >= _oldest() else None
    if message is None:
        mail.delete()
        return True
    try:
        message.send()
    except (SMTPRecipientsRefused, SMTPSenderRefused) as error:
        logger.warning("mail_refused", mail=mail.pk, kind=mail.kind, error=type(error).__name__)
    except (OSError, SMTPException) as error:
        logger.error("mail_server_failed", mail=mail.pk, kind=mail.kind, error=type(error).__name__)
        return False
    mail.sent_at = timezone.now()
    mail.save(update_fields=["sent_at", "token_version", "password"])
    return True


def _message(mail: AccountMail) -> EmailMessage | None:
    """The mail for what was asked; None if the address gets none. Notes on the row what its link depends on."""
    lately = AccountMail.objects.filter(email=mail.email, sent_at__gt=timezone.now() - timedelta(hours=1))
    if lately.count() >= settings.ACCOUNT_MAILS_PER_HOUR:
        logger.warning("mail_limit_reached", mail=mail.pk, kind=mail.kind)
        return None
    user = User.objects.filter(email=mail.email).first()
    if mail.kind == AccountMail.Kind.REGISTER:
        if user is None:
            return _written(mail, "register")
        mail.password = ""
        return _written(mail, "registered") if user.is_active else None
    if user is None or not user.is_active:
        return None
    mail.token_version = user.token_version
    return _written(mail, "reset")


def _written(mail: AccountMail, template: str) -> EmailMessage:
    hours = settings.ACCOUNT_LINK_HOURS[mail.kind]
    body = render_to_string(f"accounts/{template}_mail.txt", {"link": link_address(mail=mail), "hours": hours})
    return EmailMessage(_SUBJECTS[template], body, to=[mail.email])
