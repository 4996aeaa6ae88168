"""Creates clients and keys, and revokes keys."""

import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.access_changes import access_changing
from accounts.clients.keys import hashed
from accounts.clients.models import PREFIX_LENGTH, Client, ClientKey
from accounts.clients.scopes import Scope

SECRET_BYTES = 32
_ALPHABET = string.ascii_letters + string.digits


def client_get_or_create(*, name: str) -> Client:
    """The client of this name, created if there is none. Raises ValidationError for an invalid name."""
    Client(name=name).full_clean(validate_unique=False)
    return Client.objects.get_or_create(name=name)[0]


def key_create(
    *, client: Client, scopes: Collection[str], expires_at: datetime | None = None, rate_limit: str = ""
) -> tuple[ClientKey, str]:
    """Creates a key of the client. Returns it and its text, which is not stored and cannot be read again.

    Raises ValidationError naming the invalid field.
    """
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown or not scopes:
        raise ValidationError({"scopes": f"Give one or more of {', '.join(Scope.values)}."})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "This is in the past."})
    key = ClientKey(
        client=client,
        scopes=[scope for scope in Scope.values if scope in scopes],
        expires_at=expires_at,
        rate_limit=rate_limit,
    )
    text = key_seal(key)
    key.full_clean()
    key.save()
    return key, text


def key_seal(key: ClientKey) -> str:
    """Gives a new key its prefix and secret. Returns the key's text; the caller saves the key."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key.prefix = "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX_LENGTH))
    key.hashed_secret = hashed(secret)
    return f"{key.prefix}.{secret}"


def key_revoke(*, prefix: str) -> ClientKey:
    """Revokes the key; the next request with it is refused. Keeps the time of an earlier revocation.

    Raises ClientKey.DoesNotExist.
    """
    with access_changing(f"key:{prefix}"):
        ClientKey.objects.filter(prefix=prefix, revoked_at__isnull=True).update(revoked_at=timezone.now())
    return ClientKey.objects.select_related("client").get(prefix=prefix)


def key_rotate(*, prefix: str, overlap: timedelta) -> tuple[ClientKey, str]:
    """A new key with the scopes, the rate and the end of this one, which stays valid for ``overlap`` at most.

    Returns the new key and its text. Raises ValidationError for a key that is not valid any more, and
    ClientKey.DoesNotExist.
    """
    with transaction.atomic():
        old = ClientKey.objects.select_for_update(of=("self",)).select_related("client").get(prefix=prefix)
        if old.state != "valid":
            raise ValidationError(f"The key is {old.state}: create a new one.")
        made = key_create(client=old.client, scopes=old.scopes, expires_at=old.expires_at, rate_limit=old.rate_limit)
        end = timezone.now() + overlap
        if old.expires_at is None or old.expires_at > end:
            old.expires_at = end
            old.save(update_fields=["expires_at"])
    return made
