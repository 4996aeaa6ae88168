"""The second factor of staff in the admin: codes of an authenticator app (TOTP), and recovery codes that work once.

django-otp stores the devices, refuses a code that was used, and makes guesses wait. ``settings.ADMIN_TOTP`` says who
needs a code: nobody ("off"), staff who have a device ("optional"), or all staff ("required").
"""

import re
import secrets
from base64 import b32encode
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.selectors import user_lock_shared
from accounts.totp_modes import OFF, OPTIONAL

RECOVERY_CODES = 10
_NAME = "admin"
# 60 random bits in three groups of base32, without the digits that look like letters.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_RECOVERY_LENGTH = 12
_MAX_GIVEN = 64


class TotpMissingError(Exception):
    """The account needs a second factor and has none. Raised after a right password only."""


class TotpEnrolledError(Exception):
    """The account has an authenticator app already."""


class NoTotpError(Exception):
    """The account has no authenticator app, so it can have no recovery codes."""


def is_satisfied(request: HttpRequest) -> bool:
    """Whether the session may use the admin, as far as the second factor is concerned."""
    user: Any = request.user  # django-otp's middleware adds a method.
    if settings.ADMIN_TOTP == OFF or user.is_verified():
        return True
    return settings.ADMIN_TOTP == OPTIONAL and not has_device(user.pk)


def code_accepted(*, user: User, code: str) -> bool:
    """Whether the right password and this code let the user into the admin; uses the code up.

    A code of six digits is tried at the authenticator app, any other text as a recovery code, so that a wrong one makes
    only one of the two wait. Sets ``user.otp_device``, from which Django's sign-in marks the session. Raises
    TotpMissingError for staff who need a device and have none.
    """
    if settings.ADMIN_TOTP == OFF or not user.is_staff:
        return True
    if not has_device(user.pk):
        if settings.ADMIN_TOTP == OPTIONAL:
            return True
        raise TotpMissingError
    given = re.sub(r"[\s-]", "", code[:_MAX_GIVEN]).lower()
    if re.fullmatch(r"[0-9]{6}", given):
        device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    else:
        device, given = StaticDevice.objects.filter(user=user, confirmed=True).first(), _recovery_digest(given)
    if not code or device is None:
        return False
    # It locks the device's row: of two requests with one code, one passes.
    verified = verify_token(user, device.persistent_id, given)
    if verified is None:
        return False
    user.otp_device = verified  # type: ignore[attr-defined]
    return True


@transaction.atomic
def totp_enrol(*, user: User, confirmed: bool) -> TOTPDevice:
    """A new authenticator app of the user, with a secret of its own; unconfirmed ones of before are deleted.

    Until it is confirmed it opens nothing and nothing requires it. Raises TotpEnrolledError.
    """
    user_lock_shared(user_id=user.pk)
    if has_device(user.pk):
        raise TotpEnrolledError
    TOTPDevice.objects.filter(user=user).delete()
    return TOTPDevice.objects.create(user=user, name=_NAME, confirmed=confirmed)


def totp_confirm(*, device: TOTPDevice, code: str) -> bool:
    """Puts the device to use if the code is its own; the code is used up."""
    given = re.sub(r"\s", "", code)
    if not re.fullmatch(r"[0-9]{6}", given) or verify_token(device.user, device.persistent_id, given) is None:
        return False
    return bool(TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True))


@transaction.atomic
def totp_reset(*, user: User) -> bool:
    """Deletes the user's authenticator apps and recovery codes; False if there were none."""
    deleted = [model.objects.filter(user=user).delete()[0] for model in (TOTPDevice, StaticDevice)]
    return any(deleted)


@transaction.atomic
def recovery_codes_create(*, user: User) -> list[str]:
    """New recovery codes, each good once; those of before end. Only digests are stored. Raises NoTotpError."""
    user_lock_shared(user_id=user.pk)
    if not has_device(user.pk):
        raise NoTotpError
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name=_NAME, confirmed=True)
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    for code in codes:
        device.token_set.create(token=_recovery_digest(code))
    return ["-".join(code[start : start + 4] for start in range(0, _RECOVERY_LENGTH, 4)) for code in codes]


def has_device(user_id: int | None) -> bool:
    """Whether an authenticator app of the user is confirmed. One query."""
    return TOTPDevice.objects.filter(user_id=user_id, confirmed=True).exists()


def _recovery_digest(code: str) -> str:
    """80 bits of the code's HMAC, in the 16 letters that django-otp's table holds."""
    digest = salted_hmac("accounts.totp.recovery", code, algorithm="sha256").digest()
    return b32encode(digest[:10]).decode().lower()
