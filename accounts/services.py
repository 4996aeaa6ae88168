"""Registering, signing in, and renewing tokens."""

from dataclasses import dataclass
from typing import Any, cast

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.models import User

# Longer ones are refused before they are hashed.
PASSWORD_MAX_LENGTH = 128


class InvalidCredentialsError(Exception):
    """The account and password do not open an account; which of the two was wrong is not said."""


class InvalidRefreshTokenError(Exception):
    """The refresh token is forged, expired, used already, or its person may no longer sign in."""


@dataclass(frozen=True)
class Tokens:
    """A pair of signed tokens and the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int


def user_register(*, email: str, password: str, display_name: str = "") -> User:
    """A new person who signs in by ``email``; ValidationError naming ``email`` or ``password`` where they cannot be."""
    email = User.objects.normalize_email(email)
    candidate = User(email=email, display_name=display_name)
    try:
        validate_password(password, user=candidate)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    taken = ValidationError({"email": "This e-mail address cannot be registered."})
    if User.objects.filter(email=email).exists():
        raise taken
    try:
        with transaction.atomic():
            return User.objects.create_user(email=email, password=password, display_name=display_name)
    except IntegrityError as error:  # The same address, registered by another request at the same moment.
        raise taken from error


def user_update(*, user: User, display_name: str | None = None, share_with_groups: bool | None = None) -> User:
    """Changes what a person may change about themselves; what is None stays."""
    given = {"display_name": display_name, "share_with_groups": share_with_groups}
    changed = {name: value for name, value in given.items() if value is not None}
    for name, value in changed.items():
        setattr(user, name, value)
    user.save(update_fields=list(changed))
    return user


def user_sign_in(*, email: str, password: str) -> tuple[User, Tokens]:
    """The person and new tokens; InvalidCredentialsError for an unknown, wrong, inactive or imported account alike.

    An unknown account costs a hash as a known one does, so the time taken does not tell which it was.
    """
    user = authenticate(username=User.objects.normalize_email(email), password=password)
    if not isinstance(user, User) or not user.is_active:
        raise InvalidCredentialsError
    update_last_login(User, user)
    return user, tokens_issue(user=user)


def tokens_issue(*, user: User) -> Tokens:
    """New tokens of a person; the refresh token is written down, so that it can be used once only."""
    refresh = RefreshToken.for_user(user)
    return Tokens(
        access=str(refresh.access_token),
        refresh=str(refresh),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


def tokens_refresh(*, refresh: str) -> Tokens:
    """New tokens for a refresh token, which is used up; InvalidRefreshTokenError where it is not good (any more).

    Of several requests that bring the same token at once, one gets new tokens: the used-up mark is a unique row.
    """
    try:
        token = RefreshToken(cast(Any, refresh))  # simplejwt's annotation leaves encoded tokens out.
        user = User.objects.get(pk=int(token[api_settings.USER_ID_CLAIM]))
    except (TokenError, User.DoesNotExist, KeyError, ValueError) as error:
        raise InvalidRefreshTokenError from error
    unchanged = token.get(api_settings.REVOKE_TOKEN_CLAIM) == get_md5_hash_password(user.password)
    if not user.is_active or not unchanged:
        raise InvalidRefreshTokenError
    with transaction.atomic():
        issued = OutstandingToken.objects.filter(jti=token[api_settings.JTI_CLAIM]).first()
        if issued is None or not BlacklistedToken.objects.get_or_create(token=issued)[1]:
            raise InvalidRefreshTokenError
        return tokens_issue(user=user)


def tokens_flush_expired() -> int:
    """Deletes the rows of tokens that have expired by themselves, with their used-up marks; returns how many."""
    deleted, by_model = OutstandingToken.objects.filter(expires_at__lte=timezone.now()).delete()
    return by_model.get(OutstandingToken._meta.label, 0) if deleted else 0
