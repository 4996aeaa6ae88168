"""From where an account has signed in before: a signed cookie, or an address.

Anybody may guess at any account, and too many guesses block it for everybody who guesses. What is known to the account
has a limit of its own, so that strangers cannot lock its person out. Being known grants nothing else.

The cookie holds an HMAC of the account, and Redis an HMAC of account and address, so neither says who it belongs to.
"""

from datetime import timedelta

from django.conf import settings
from django.core.cache import caches
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from recsys_project.token_bucket import CACHE_ALIAS

COOKIE = "known_device"
_SALT = "recsys_project.known_devices"
_MAX_COOKIE_LENGTH = 200


def account_digest(account: str) -> str:
    """The HMAC that stands for a normalised account name."""
    return _digest("account", account)


def device_account(request: HttpRequest | None) -> str | None:
    """The digest of the account that last signed in on the request's device; None without a valid cookie."""
    text = request.COOKIES.get(COOKIE, "") if request is not None else ""
    if not text or len(text) > _MAX_COOKIE_LENGTH:
        return None
    try:
        return TimestampSigner(salt=_SALT).unsign(text, max_age=timedelta(days=settings.KNOWN_DEVICE_DAYS))
    except (BadSignature, ValueError):
        return None


def set_device_cookie(response: HttpResponseBase, digest: str) -> None:
    """Marks the device as known to the account with this digest."""
    response.set_cookie(
        COOKIE,
        TimestampSigner(salt=_SALT).sign(digest),
        max_age=timedelta(days=settings.KNOWN_DEVICE_DAYS),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def is_known_address(digest: str, network: str) -> bool:
    """Whether the account has signed in from this network; False if Redis is unavailable."""
    return bool(caches[CACHE_ALIAS].get(_address_key(digest, network)))


def remember_address(digest: str, network: str) -> None:
    """Notes that the account has signed in from this network, for KNOWN_ADDRESS_DAYS."""
    seconds = int(timedelta(days=settings.KNOWN_ADDRESS_DAYS).total_seconds())
    caches[CACHE_ALIAS].set(_address_key(digest, network), 1, seconds)


def _address_key(digest: str, network: str) -> str:
    return f"known:{_digest('address', f'{digest} {network}')}"


def _digest(purpose: str, text: str) -> str:
    hmac = salted_hmac(f"{_SALT}.{purpose}", text.encode(errors="backslashreplace"), algorithm="sha256")
    return hmac.hexdigest()[:32]
