"""Checks and sets passwords."""

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.links import LINK_GONE, link_use
from accounts.models import AccountMail, User
from accounts.selectors import user_exists, user_lock_shared
from accounts.signins import Tokens, tokens_issue

# Longer passwords are rejected before they are hashed.
MAX_LENGTH = 128


def password_check(*, password: str, user: User, field: str = "password") -> None:
    """Raises ValidationError for ``field`` if the password is too weak for ``user``, who need not be stored."""
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from error


def password_change(*, user: User, old_password: str, new_password: str) -> Tokens:
    """Sets a new password, which ends all tokens and sessions of the user, and signs them in again.

    Raises ValidationError for a wrong ``old_password`` or a weak ``new_password``, and User.DoesNotExist if the user is
    deleted. The old one counts as a sign-in, so that somebody with a stolen access token cannot guess it.
    """
    if authenticate(username=user.email or "", password=old_password) != user:
        if not user_exists(user_id=user.pk):
            raise User.DoesNotExist
        raise ValidationError({"old_password": "This is not your password."})
    password_check(password=new_password, user=user, field="new_password")
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        user.set_password(new_password)
        user.save(update_fields=["password"])
        return tokens_issue(user=user)


def password_reset_request(*, email: str) -> None:
    """Asks for a mail with a link to the address, in its one spelling, if it has an account."""
    AccountMail.objects.create(kind=AccountMail.Kind.RESET, email=email)


def password_reset_confirm(*, token: str, password: str) -> User:
    """Sets the password of a link's account, which ends all of its tokens, sessions and other links.

    Raises ValidationError for ``token`` or for a weak ``password``.
    """
    with transaction.atomic():
        mail = link_use(kind=AccountMail.Kind.RESET, token=token)
        user = User.objects.select_for_update().filter(email=mail.email, is_active=True).first()
        if user is None or user.token_version != mail.token_version:
            raise ValidationError({"token": LINK_GONE})
        password_check(password=password, user=user)
        user.set_password(password)
        user.save(update_fields=["password"])
        return user
