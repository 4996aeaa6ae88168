"""Tells whoever remembers that a credential is valid that it may not be any more.

A subject is whose credential: ``user:ID``, ``family:HEX`` (a sign-in) or ``key:PREFIX``. A service that ends access
wraps its change in ``access_changing``, which tells the listeners before the change, so that nothing is remembered
while it is on its way, and again after its commit. Triggers also write each change into AccessChange in its own
transaction (migrations/…_access_changes.py), so that one whose process died, or that bypassed the services, is found.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

# Called with the subjects, and whether the change is committed. It must not raise.
Listener = Callable[[Sequence[str], bool], None]
_listeners: list[Listener] = []
# How long a change is stored: longer than anybody remembers a credential.
RETENTION = timedelta(days=1)


def on_access_change(listener: Listener) -> None:
    """Registers ``listener``. Call this from ``AppConfig.ready``."""
    if listener not in _listeners:
        _listeners.append(listener)


@contextmanager
def access_changing(*subjects: str) -> Iterator[None]:
    """Around a change of the database that may end the access of these subjects."""
    _tell(subjects, committed=False)
    yield
    transaction.on_commit(partial(_tell, subjects, committed=True))


def _tell(subjects: Sequence[str], *, committed: bool) -> None:
    for listener in _listeners:
        listener(subjects, committed)


def access_changes_flush() -> int:
    """Deletes old changes; returns how many."""
    from accounts.models import AccessChange  # noqa: PLC0415 -- models import this module.

    return AccessChange.objects.filter(created_at__lt=timezone.now() - RETENTION).delete()[0]
