"""Registers users, updates them and signs them in."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.addresses import validated
from accounts.models import User
from accounts.passwords import password_check
from accounts.privacy.cleaners import clean_for_pause
from accounts.selectors import user_lock_shared
from accounts.signins import Tokens, tokens_issue


class InvalidCredentialsError(Exception):
    """No active account has this login and password; the error does not say which of the two is wrong."""


def user_register(*, email: str, password: str, display_name: str = "") -> User:
    """Creates a user who signs in by ``email``, at once. Raises ValidationError for an invalid or taken ``email`` or a
    weak ``password``. A taken address costs a hash, too."""
    spelt = _address(email)
    user = User(email=spelt, display_name=display_name)
    password_check(password=password, user=user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise ValidationError({"email": "This e-mail address cannot be registered."}) from error
    return user


def _address(email: str) -> str:
    """The address in its one spelling. Raises ValidationError for ``email``."""
    try:
        spelt = validated(email)
        User._meta.get_field("email").clean(spelt, None)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    return spelt


def user_update(
    *,
    user: User,
    display_name: str | None = None,
    group_invitations: bool | None = None,
    personalisation: bool | None = None,
) -> User:
    """Updates the profile fields that users may change themselves; None leaves a field unchanged.

    Raises User.DoesNotExist if the user is deleted.
    """
    given = {
        "display_name": display_name,
        "group_invitations": group_invitations,
        "personalisation": personalisation,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    for name, value in changed.items():
        setattr(user, name, value)
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        user.save(update_fields=list(changed))
        if personalisation is False:
            clean_for_pause(user)
    return user


def user_sign_in(*, email: str, password: str) -> tuple[User, Tokens]:
    """Returns the user and new tokens. Raises InvalidCredentialsError for unknown, inactive and imported accounts and
    for a wrong password alike.

    An unknown account costs one password hash, as a known one does, so response times do not reveal accounts.
    """
    user = authenticate(username=User.objects.normalize_email(email), password=password)
    if not isinstance(user, User) or not user.is_active:
        raise InvalidCredentialsError
    try:
        with transaction.atomic():
            # First, since it locks the user.
            tokens = tokens_issue(user=user)
            update_last_login(User, user)
    except User.DoesNotExist as error:
        raise InvalidCredentialsError from error
    return user, tokens
