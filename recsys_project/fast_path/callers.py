"""Who sends a request, from what this process has verified, without SQL.

What is remembered here proves nothing by itself: each use compares ``entries`` with Redis (``access``).
"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts import tokens
from accounts.clients.keys import ClientCaller
from accounts.clients.scopes import Scope
from accounts.models import User
from recsys_project.fast_path.access import entry_key
from recsys_project.token_bucket import Bucket, BucketRate, parse_bucket_rate

# A signature that was verified is not verified again for this long.
VERIFIED_SECONDS = 60.0
# Tokens, and users of keys, that are remembered, each; beyond it the oldest is forgotten. One takes 1.5 KB, and pages
# are held of about as many people (lists.MAX_HELD_BYTES).
MAX_REMEMBERED = 5_000
# A key's last use is recorded by the minute, in Django.
_LAST_USE_SECONDS = 60.0
# The limit of requests without a token or key.
_GUESTS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose list a request is for (0: of nobody, as it is the same for all), and what must hold.

    entries: Redis keys, and the values that they must have; bucket and its key in Redis: the rate limit's, None
    without one; policy: the limit's name; valid_until: time.time; log: members of the log line, as JSON.
    """

    user_id: int
    entries: tuple[tuple[str, str], ...]
    bucket: Bucket | None
    bucket_key: str
    policy: str
    valid_until: float
    log: str
    # The client of a client's user.
    client_id: int | None = None
    # Of a person's token: what the database has to say about them; None for all others.
    version: int | None = None
    family: UUID | None = None

    @property
    def is_guest(self) -> bool:
        """Whether the request has no Authorization header."""
        return self.policy == _GUESTS


class Callers:
    """The callers of one stamp; another stamp needs new ones."""

    def __init__(self, stamp: str) -> None:
        self.stamp = stamp
        self._people: dict[bytes, Caller] = {}
        # By authorization and the client's own id of a user.
        self._users: dict[tuple[bytes, str], Caller] = {}
        self._keys: dict[bytes, Caller] = {}
        # By what rate limits count: an address, or a person.
        self._guests: dict[str, Caller] = {}
        self._counted: dict[int, Caller] = {}

    def guest(self, network: str) -> Caller | None:
        """Somebody without a token, who is counted by address."""
        return self._anybody(self._guests, network, _GUESTS, '"user_id": null')

    def counted(self, authorization: bytes) -> Caller | None:
        """The person of a valid access token where it gives no access, but says who is counted: no entries."""
        person = self.person(authorization)
        if person is None:
            return None
        return self._anybody(self._counted, person.user_id, "user", f'"user_id": {person.user_id}')

    def key(self, authorization: bytes) -> Caller | None:
        """A client by its key, if this process has seen that it may read the catalogue."""
        caller = self._keys.get(authorization)
        return caller if caller is not None and caller.valid_until > time.time() else None

    def learn_key(self, authorization: bytes, key: ClientCaller) -> dict[str, str]:
        """Remembers a key that may read the catalogue, just read from the database. Returns the entry for it."""
        bucket = _bucket("client", key.prefix, key.rates)
        if Scope.CATALOGUE_READ not in key.scopes or (bucket is None and settings.RATELIMIT_ENABLE):
            return {}
        entries = {f"key:{key.prefix}": _key_value(key)}
        log = f'"user_id": null, "api_key": "{key.prefix}"'
        caller = self._caller(0, entries, bucket=bucket, policy="client", valid_until=_key_valid_until(key), log=log)
        _add(self._keys, authorization, caller)
        return entries

    def person(self, authorization: bytes) -> Caller | None:
        """The caller of a valid access token; None for anything else."""
        caller = self._people.get(authorization)
        if caller is None:
            caller = self._verified(authorization)
            if caller is not None:
                _add(self._people, authorization, caller)
        elif caller.valid_until <= time.time():
            del self._people[authorization]
            return self.person(authorization)
        return caller

    def user(self, authorization: bytes, external_id: str) -> Caller | None:
        """The user of a client, if this process has seen both the key and the user."""
        caller = self._users.get((authorization, external_id))
        return caller if caller is not None and caller.valid_until > time.time() else None

    def learn_user(self, authorization: bytes, key: ClientCaller, user: User) -> dict[str, str]:
        """Remembers a key and its user, just read from the database. Returns the entries that make them good."""
        bucket = _bucket("client", key.prefix, key.rates)
        if bucket is None and settings.RATELIMIT_ENABLE:
            return {}
        entries = {f"key:{key.prefix}": _key_value(key), f"user:{user.pk}": user_value(user)}
        log = f'"user_id": null, "api_key": "{key.prefix}", "client_user_id": {user.pk}'
        caller = self._caller(
            user.pk,
            entries,
            bucket=bucket,
            policy="client",
            valid_until=_key_valid_until(key),
            log=log,
            client_id=user.client_id,
        )
        _add(self._users, (authorization, user.external_id), caller)
        return entries

    def _anybody(self, known: dict[Any, Caller], of: str | int, limit: str, log: str) -> Caller | None:
        caller = known.get(of)
        if caller is None:
            bucket = _bucket(limit, str(of), ())
            if bucket is None and settings.RATELIMIT_ENABLE:
                return None
            caller = self._caller(0, {}, bucket=bucket, policy=limit, valid_until=math.inf, log=log)
            _add(known, of, caller)
        return caller

    def _verified(self, authorization: bytes) -> Caller | None:
        scheme, _, text = authorization.partition(b" ")
        token = tokens.token_read(tokens.AccessToken, text) if scheme.lower() == b"bearer" else None
        if token is None:
            return None
        version, user_id = token.get(tokens.VERSION_CLAIM), tokens.token_user_id(token)
        bucket = _bucket("user", str(user_id), ())
        if type(version) is not int or (bucket is None and settings.RATELIMIT_ENABLE):
            return None
        entries, family = {f"user:{user_id}": str(version)}, tokens.token_family(token)
        if tokens.FAMILY_CLAIM in token:
            if family is None:
                return None
            entries[f"family:{family.hex}"] = str(user_id)
        return self._caller(
            user_id,
            entries,
            bucket=bucket,
            policy="user",
            valid_until=min(float(token["exp"]), time.time() + VERIFIED_SECONDS),
            log=f'"user_id": {user_id}',
            version=version,
            family=family,
        )

    def _caller(
        self,
        user_id: int,
        entries: dict[str, str],
        *,
        bucket: Bucket | None,
        policy: str,
        valid_until: float,
        log: str,
        client_id: int | None = None,
        version: int | None = None,
        family: UUID | None = None,
    ) -> Caller:
        expected = tuple((entry_key(subject), f"{self.stamp} {value}") for subject, value in entries.items())
        key = bucket.redis_key() if bucket is not None else ""
        return Caller(user_id, expected, bucket, key, policy, valid_until, log, client_id, version, family)


def person_entries(user: User, token: Any) -> dict[str, str]:
    """The entries that make a person's token good, after the database said that it is."""
    entries = {f"user:{user.pk}": user_value(user)}
    if (family := tokens.token_family(token)) is not None:
        entries[f"family:{family.hex}"] = str(user.pk)
    return entries


def user_value(user: User) -> str:
    """An active user with personalisation: the version of their tokens; for a client's user, whose they are, too."""
    if user.client_id is None:
        return str(user.token_version)
    owner = hashlib.sha256(f"{user.client_id}:{user.external_id}".encode()).hexdigest()[:32]
    return f"{user.token_version} {owner}"


def _key_value(key: ClientCaller) -> str:
    read = [key.key_id, key.client_id, sorted(key.scopes), key.rates, str(key.expires_at)]
    return hashlib.sha256(repr(read).encode()).hexdigest()[:32]


def _key_valid_until(key: ClientCaller) -> float:
    """Until Django has to record the key's last use again; the request that read an older one recorded it."""
    now = time.time()
    last_use = 0.0 if key.last_used_at is None else key.last_used_at.timestamp()
    last_use = last_use if now - last_use < _LAST_USE_SECONDS else now
    return min(last_use + _LAST_USE_SECONDS, key.expires_at.timestamp() if key.expires_at else math.inf)


def _bucket(name: str, key: str, rates: Sequence[str]) -> Bucket | None:
    """The one bucket that counts for a caller; None if the limit has another form, or if there are no limits."""
    rate = _only_rate(name, rates) if settings.RATELIMIT_ENABLE else None
    return None if rate is None else Bucket(name, key, rate)


def _only_rate(name: str, rates: Sequence[str]) -> BucketRate | None:
    given = rates or settings.RATE_LIMITS[name]
    return parse_bucket_rate(given[0]) if len(given) == 1 else None


def _add(remembered: dict[Any, Any], key: Any, value: Any) -> None:
    if len(remembered) >= MAX_REMEMBERED and key not in remembered:
        try:
            remembered.pop(next(iter(remembered)), None)
        except (RuntimeError, StopIteration):  # Another thread has changed it meanwhile.
            remembered.clear()
    remembered[key] = value
