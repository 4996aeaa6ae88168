"""Password hashing: Argon2id with OWASP's parameters, a bounded number of hashes at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

WAIT_SECONDS = 5.0


class HashingBusyError(RuntimeError):
    """Too many passwords are being hashed in this process; the client may try again in seconds."""


_slots = threading.BoundedSemaphore(settings.PASSWORD_HASH_CONCURRENCY)


@contextmanager
def _slot() -> Iterator[None]:
    """One of the process's hashing slots, so that a flood of sign-ins takes neither all memory nor all threads."""
    if not _slots.acquire(timeout=WAIT_SECONDS):
        raise HashingBusyError("Too many passwords are being hashed.")
    try:
        yield
    finally:
        _slots.release()


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id, 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet): about 20 ms instead of Django's 110."""

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _slot():
            return super().verify(password, encoded)
