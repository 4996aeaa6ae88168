"""Sign-ins: issues tokens, exchanges refresh tokens, and ends them.

A sign-in is a family of refresh tokens, one after the other (RFC 9700, 4.14). Its row holds the ids of the newest two
and the second at which the newest was issued. Both tokens of an answer follow from the row and the signing key, so the
answer can be given twice without being stored.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from accounts import tokens as signed
from accounts.access_changes import access_changes_flush, access_changing
from accounts.models import RefreshToken, User
from accounts.selectors import user_lock_shared

logger = structlog.get_logger(__name__)
# The address of the account whose tokens the request has renewed, for the middleware that knows devices.
renewed: ContextVar[str] = ContextVar("renewed", default="")


class InvalidRefreshTokenError(Exception):
    """The refresh token is forged, expired, used or signed out, or its user may no longer sign in."""


@dataclass(frozen=True)
class Tokens:
    """A pair of signed tokens; ``expires_in`` is the access token's lifetime in seconds."""

    access: str
    refresh: str
    expires_in: int


def tokens_issue(*, user: User) -> Tokens:
    """Signs the user in: begins a family, whose refresh tokens all end after REFRESH_TOKEN_LIFETIME.

    Raises User.DoesNotExist if the user is deleted.
    """
    now = _this_second()
    end = now + api_settings.REFRESH_TOKEN_LIFETIME
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        row = RefreshToken.objects.create(
            family=uuid4(), jti=uuid4(), user=user, created_at=now, rotated_at=now, expires_at=end
        )
    return _signed(row, user)


def tokens_refresh(*, refresh: str) -> Tokens:
    """Exchanges a refresh token for new tokens. Raises InvalidRefreshTokenError if it is not valid.

    Each token is exchanged once. For REFRESH_GRACE_SECONDS the token that was exchanged last gets the same answer
    again: several requests at once, or a client that lost the answer, cannot tell themselves from a thief, and there is
    still one newest token. Any other used token is a replay: either the thief or the victim has the newest one, so the
    family ends.
    """
    token = signed.token_read(signed.RefreshToken, refresh)
    family = None if token is None else signed.token_family(token)
    if token is None or family is None:
        raise InvalidRefreshTokenError
    user_id = signed.token_user_id(token)
    with transaction.atomic():
        try:
            user_lock_shared(user_id=user_id)
        except User.DoesNotExist as error:
            raise InvalidRefreshTokenError from error
        row = _locked(family, user_id)
        if row is None or not row.user.is_active or not signed.token_is_current(token, row.user):
            raise InvalidRefreshTokenError
        exchanged = _exchange(row, signed.token_jti(token))
    if not exchanged:  # Raised after the commit, which keeps the revocation.
        logger.warning("refresh_token_replayed", user_id=user_id, family=str(family))
        raise InvalidRefreshTokenError
    renewed.set(row.user.email or "")
    return _signed(row, row.user)


def sign_in_end(*, user: User, family: UUID | None) -> None:
    """Signs out: ends the access and refresh tokens of one sign-in. A token without a family ends with all others."""
    if family is None:
        sign_ins_end(user=user)
    else:
        with access_changing(f"family:{family.hex}"):
            RefreshToken.objects.filter(family=family, user=user, revoked_at=None).update(revoked_at=timezone.now())


def sign_ins_end(*, user: User) -> None:
    """Signs out everywhere: ends all tokens of the user, and their sessions in the admin."""
    with access_changing(f"user:{user.pk}"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
        RefreshToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    user.refresh_from_db(fields=["token_version"])


def tokens_flush_expired() -> int:
    """Deletes the rows of expired refresh tokens, and old changes of access; returns how many."""
    return RefreshToken.objects.filter(expires_at__lte=timezone.now()).delete()[0] + access_changes_flush()


def _this_second() -> datetime:
    """Now, in whole seconds, as tokens hold times."""
    return timezone.now().replace(microsecond=0)


def _locked(family: UUID, user_id: int) -> RefreshToken | None:
    """The living family, locked, so that of several requests at once one exchanges its token."""
    rows = RefreshToken.objects.select_for_update(of=("self",)).select_related("user")
    return rows.filter(family=family, user_id=user_id, revoked_at=None, expires_at__gt=timezone.now()).first()


def _exchange(row: RefreshToken, jti: UUID) -> bool:
    """Makes a new newest token of a locked family, if ``jti`` is the newest; otherwise repeats or revokes it.

    Returns False if it is revoked.
    """
    if jti == row.jti:
        row.previous_jti, row.jti, row.rotated_at = jti, uuid4(), _this_second()
        row.save(update_fields=["previous_jti", "jti", "rotated_at"])
        return True
    if jti == row.previous_jti and timezone.now() <= row.rotated_at + timedelta(seconds=settings.REFRESH_GRACE_SECONDS):
        return True
    row.revoked_at = timezone.now()
    with access_changing(f"family:{row.family.hex}"):
        row.save(update_fields=["revoked_at"])
    return False


def _signed(row: RefreshToken, user: User) -> Tokens:
    """The newest tokens of a family; the same ones each time."""
    refresh = signed.RefreshToken.for_user(user)
    access = signed.AccessToken.for_user(user)
    access_end = min(row.rotated_at + api_settings.ACCESS_TOKEN_LIFETIME, row.expires_at)
    _write(refresh, row, row.jti, row.expires_at)
    _write(access, row, uuid5(row.jti, "access"), access_end)
    return Tokens(
        access=str(access), refresh=str(refresh), expires_in=int((access_end - row.rotated_at).total_seconds())
    )


def _write(token: Token, row: RefreshToken, jti: UUID, end: datetime) -> None:
    token[signed.FAMILY_CLAIM] = row.family.hex
    token[api_settings.JTI_CLAIM] = jti.hex
    token.set_iat(at_time=row.rotated_at)
    token.set_exp(from_time=end, lifetime=timedelta(0))
