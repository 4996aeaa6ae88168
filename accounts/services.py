"""Registers users, signs them in, and issues and refreshes tokens."""

from dataclasses import dataclass

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken as SignedRefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from accounts.models import RefreshToken, User
from accounts.selectors import user_lock_shared
from accounts.tokens import token_jti, token_read, token_user_id

# Longer passwords are rejected before they are hashed.
PASSWORD_MAX_LENGTH = 128


class InvalidCredentialsError(Exception):
    """No active account has this login and password; the error does not say which of the two is wrong."""


class InvalidRefreshTokenError(Exception):
    """The refresh token is forged, expired or used already, or its user may no longer sign in."""


@dataclass(frozen=True)
class Tokens:
    """A pair of signed tokens; ``expires_in`` is the access token's lifetime in seconds."""

    access: str
    refresh: str
    expires_in: int


def user_register(*, email: str, password: str, display_name: str = "") -> User:
    """Creates a user who signs in by ``email``. Raises ValidationError for an invalid or taken ``email`` or a weak
    ``password``."""
    email = User.objects.normalize_email(email)
    candidate = User(email=email, display_name=display_name)
    try:
        # Validated in lower case, as it is stored: lower-casing can make the address longer.
        User._meta.get_field("email").clean(email, candidate)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
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
    except IntegrityError as error:  # A concurrent request registered the same address.
        raise taken from error


def user_update(*, user: User, display_name: str | None = None, share_with_groups: bool | None = None) -> User:
    """Updates the profile fields that users may change themselves; None leaves a field unchanged.

    Raises User.DoesNotExist if the user is deleted.
    """
    given = {"display_name": display_name, "share_with_groups": share_with_groups}
    changed = {name: value for name, value in given.items() if value is not None}
    for name, value in changed.items():
        setattr(user, name, value)
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        user.save(update_fields=list(changed))
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


def tokens_issue(*, user: User) -> Tokens:
    """Issues new tokens and stores the refresh token's id, so that it can be used only once.

    Raises User.DoesNotExist if the user is deleted.
    """
    refresh = SignedRefreshToken.for_user(user)
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        RefreshToken.objects.create(jti=token_jti(refresh), user=user, expires_at=datetime_from_epoch(refresh["exp"]))
    return Tokens(
        access=str(refresh.access_token),
        refresh=str(refresh),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


def tokens_refresh(*, refresh: str) -> Tokens:
    """Exchanges a refresh token for new tokens and revokes it. Raises InvalidRefreshTokenError if it is not valid.

    If several requests send the same token at once, only the first to set ``revoked_at`` gets new tokens.
    """
    token = token_read(SignedRefreshToken, refresh)
    if token is None:
        raise InvalidRefreshTokenError
    user_id = token_user_id(token)
    with transaction.atomic():
        try:
            user_lock_shared(user_id=user_id)
        except User.DoesNotExist as error:
            raise InvalidRefreshTokenError from error
        user = User.objects.get(pk=user_id)
        unchanged = token.get(api_settings.REVOKE_TOKEN_CLAIM) == get_md5_hash_password(user.password)
        if not user.is_active or not unchanged:
            raise InvalidRefreshTokenError
        unused = RefreshToken.objects.filter(jti=token_jti(token), user=user, revoked_at=None)
        if not unused.update(revoked_at=timezone.now()):
            raise InvalidRefreshTokenError
        return tokens_issue(user=user)


def tokens_flush_expired() -> int:
    """Deletes the rows of expired refresh tokens; returns how many."""
    return RefreshToken.objects.filter(expires_at__lte=timezone.now()).delete()[0]
