"""Registration by a link: nobody has an account at an address that is not theirs.

The password is hashed and checked before it is known whether the address has an account, so neither the answer nor its
time tells.
"""

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.links import LINK_GONE, link_use
from accounts.models import AccountMail, User
from accounts.passwords import password_check
from accounts.signins import Tokens, tokens_issue


def registration_request(*, email: str, password: str, display_name: str = "") -> None:
    """Asks for a mail with a link to the address, in its one spelling. Raises ValidationError for a weak password."""
    password_check(password=password, user=User(email=email, display_name=display_name))
    AccountMail.objects.create(
        kind=AccountMail.Kind.REGISTER, email=email, password=make_password(password), display_name=display_name
    )


def registration_confirm(*, token: str, password: str) -> tuple[User, Tokens]:
    """Creates the account of a link and signs it in.

    The password is that of the registration: whoever opens the link of a registration that a stranger made for their
    address does not know it, and gives the stranger no account. Raises ValidationError for ``token`` or ``password``.
    """
    with transaction.atomic():
        mail = link_use(kind=AccountMail.Kind.REGISTER, token=token)
        if not mail.password or User.objects.filter(email=mail.email).exists():
            raise ValidationError({"token": LINK_GONE})
        if not check_password(password, mail.password):
            raise ValidationError({"password": "This is not the password that you registered with."})
        user = User(email=mail.email, password=mail.password, display_name=mail.display_name)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:  # Another link of the same address was used at the same time.
            raise ValidationError({"token": LINK_GONE}) from error
        AccountMail.objects.filter(email=mail.email).update(password="")
        return user, tokens_issue(user=user)
