"""Hashes passwords: Argon2id with OWASP's parameters, and a limited number of hashes at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher


class HashingBusyError(RuntimeError):
    """All hashing slots of this process are busy; the client may retry."""


_slots = threading.BoundedSemaphore(settings.PASSWORD_HASH_CONCURRENCY)


@contextmanager
def _slot() -> Iterator[None]:
    """Acquires a hashing slot, so that many sign-ins at once exhaust neither memory nor threads.

    Raises HashingBusyError at once if all are busy: a thread that waits is a thread that answers no reader.
    """
    if not _slots.acquire(blocking=False):
        raise HashingBusyError("Too many passwords are being hashed.")
    try:
        yield
    finally:
        _slots.release()


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id, 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet): about 20 ms instead of Django's 110.

    Settings change the cost; a hash of another cost is renewed when its owner signs in.
    """

    time_cost = settings.PASSWORD_HASH_PASSES
    memory_cost = settings.PASSWORD_HASH_KIB
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _slot():
            return super().verify(password, encoded)
