"""Reads the key of a request.

A request with a key reads it from the database by one indexed query, so that a key that is revoked or expired, or whose
client is inactive, is refused at once in all processes. The fast path of cached lists saves that query: what ends a key
blocks its entry in Redis (accounts.access_changes).
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from django.db import connection
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.clients.models import PREFIX_LENGTH, ClientKey

SCHEME = "api-key"
# 32 random bytes in Base64.
_KEY = re.compile(rf"([A-Za-z0-9]{{{PREFIX_LENGTH}}})\.([A-Za-z0-9_-]{{43}})")
_ATTRIBUTE = "_client_caller"
_LAST_USE_STEP = timedelta(minutes=1)
_READ = """
    SELECT key.id, key.client_id, client.name, key.hashed_secret, key.scopes, key.rate_limit, key.last_used_at,
        key.expires_at
    FROM accounts_clientkey key JOIN accounts_client client ON client.id = key.client_id
    WHERE key.prefix = %s AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > clock_timestamp())
        AND client.is_active
"""


@dataclass(frozen=True, slots=True)
class ClientCaller:
    """The client and the key of a request: its ``auth``, and its ``user`` until a view knows whom the client acts for.

    rates: the rates of this key; empty for those of the site.
    """

    key_id: int
    prefix: str
    client_id: int
    client_name: str
    scopes: frozenset[str]
    rates: tuple[str, ...]
    last_used_at: datetime | None
    expires_at: datetime | None = None

    # What Django and REST framework ask of a request's user.
    pk: ClassVar[None] = None
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False


def has_key(request: HttpRequest) -> bool:
    """Whether the request comes with a key, valid or not."""
    words = request.META.get("HTTP_AUTHORIZATION", "").split(maxsplit=1)
    return bool(words) and words[0].lower() == SCHEME


def client_caller(request: HttpRequest) -> ClientCaller | None:
    """The caller of the request's valid key, else None. One query, the first time; none without a key.

    The rate limiter calls it before the view runs.
    """
    if not hasattr(request, _ATTRIBUTE):
        setattr(request, _ATTRIBUTE, _read(request.META["HTTP_AUTHORIZATION"]) if has_key(request) else None)
    caller: ClientCaller | None = getattr(request, _ATTRIBUTE)
    return caller


def hashed(secret: str) -> str:
    """What is stored of a secret."""
    return sha256(secret.encode()).hexdigest()


def _read(header: str) -> ClientCaller | None:
    parts = header.split()
    form = _KEY.fullmatch(parts[1]) if len(parts) == 2 else None
    if form is None:
        return None
    prefix, secret = form.groups()
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_READ, [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    key_id, client_id, name, stored, scopes, rates, last_used_at, expires_at = row
    if not hmac.compare_digest(stored, hashed(secret)):
        return None
    return ClientCaller(
        key_id,
        prefix,
        client_id,
        name,
        frozenset(scopes),
        tuple(filter(None, rates.split(","))),
        last_used_at,
        expires_at,
    )


def last_use_record(caller: ClientCaller) -> None:
    """Stores the time of the key's last use, to a minute: most requests write nothing."""
    now = timezone.now()
    if caller.last_used_at is not None and now - caller.last_used_at < _LAST_USE_STEP:
        return
    # Only one of several processes writes.
    due = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - _LAST_USE_STEP)
    ClientKey.objects.filter(due, pk=caller.key_id).update(last_used_at=now)
