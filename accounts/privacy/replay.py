"""Erases people again whom a restored backup has brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from accounts.deletion import user_delete
from accounts.models import Erasure, User
from accounts.privacy.erasures import Tombstone, erasures_export, erasures_read, fingerprint

_BATCH = 1000


@dataclass(frozen=True)
class Replay:
    """What a replay did: erasures known, people erased again, and the lines of the file that could not be read."""

    known: int
    erased: int
    unreadable: list[int]


def erasures_replay(*, path: Path | None) -> Replay:
    """Erases everybody again whom a tombstone, of the file or of the database, names. Idempotent.

    Raises OSError if the file cannot be read.
    """
    unreadable: list[int] = []
    if path is not None and path.exists():
        read = erasures_read(path)
        unreadable = read.unreadable
        _store(read.tombstones)
    known = list(Erasure.objects.order_by("pk").values_list("erased_id", "fingerprint"))
    erased = sum(_erase(batch) for batch in _batches(known))
    erasures_export()
    return Replay(len(known), erased, unreadable)


def _batches(pairs: Sequence[tuple[int, str]]) -> list[Sequence[tuple[int, str]]]:
    return [pairs[start : start + _BATCH] for start in range(0, len(pairs), _BATCH)]


def _store(tombstones: Sequence[Tombstone]) -> None:
    """Keeps the file's tombstones in the database too; they need no export."""
    now = timezone.now()
    rows = [
        Erasure(erased_id=one.erased_id, fingerprint=one.fingerprint, erased_at=one.erased_at, exported_at=now)
        for one in tombstones
    ]
    Erasure.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)


def _erase(pairs: Sequence[tuple[int, str]]) -> int:
    """Erases the people whom these ids and fingerprints name; returns how many."""
    wanted = set(pairs)
    users = User.objects.filter(pk__in=[erased_id for erased_id, _ in pairs])
    again = [user.pk for user in users if (user.pk, fingerprint(user)) in wanted]
    return sum(user_delete(user_id=user_id) for user_id in again)
