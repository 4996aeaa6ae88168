"""Records erasures in PostgreSQL, and in a file that a restored backup does not lose."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Erasure, User

logger = structlog.get_logger(__name__)

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
# What a line that is no erasure raises.
_UNREADABLE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Tombstone:
    """One erasure as a line of the file has it."""

    erased_id: int
    fingerprint: str
    erased_at: datetime


@dataclass
class ErasuresFile:
    """What was read of the file; ``unreadable``: the numbers of lines that are no erasures."""

    tombstones: list[Tombstone] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def fingerprint(user: User) -> str:
    """A hash of the person's id and the microsecond in which they joined, neither of which ever changes."""
    joined = user.date_joined.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(f"{user.pk}:{joined}".encode()).hexdigest()


def erasure_record(*, user: User) -> None:
    """Records that ``user`` is erased by the current transaction, and writes it to the file once that has committed."""
    Erasure.objects.get_or_create(erased_id=user.pk, fingerprint=fingerprint(user))
    transaction.on_commit(partial(erasures_export), robust=True)


def erasures_export() -> int:
    """Appends the erasures that are not in ERASURES_FILE yet, and waits for the disk; returns how many.

    An erasure is never undone because the file cannot be written: it stays to be exported, by the next erasure or by
    ``manage.py replay_erasures``, and an error is logged. A line may be there twice, which does no harm.
    """
    path = erasures_path()
    if path is None:
        return 0
    with transaction.atomic():
        # Two at once export different rows.
        waiting = list(Erasure.objects.select_for_update(skip_locked=True).filter(exported_at=None).order_by("pk"))
        if not waiting:
            return 0
        try:
            _append(path, waiting)
        except OSError as error:
            logger.error("erasures_file_not_written", reason=str(error), waiting=len(waiting))
            return 0
        Erasure.objects.filter(pk__in=[row.pk for row in waiting]).update(exported_at=timezone.now())
    return len(waiting)


def erasures_path() -> Path | None:
    """The file of ERASURES_FILE; None without one."""
    return Path(settings.ERASURES_FILE) if settings.ERASURES_FILE else None


def erasures_read(path: Path) -> ErasuresFile:
    """Reads the file; lines that cannot be read, such as one that was cut off, are named. Raises OSError."""
    found = ErasuresFile()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.tombstones.append(_parsed(line))
            except _UNREADABLE:
                found.unreadable.append(number)
    return found


def _parsed(line: bytes) -> Tombstone:
    """Raises one of ``_UNREADABLE`` for a line that PostgreSQL would not store, too: it would stop the whole replay."""
    given = json.loads(line)
    erased_id, digest = given["id"], given["fingerprint"]
    if type(erased_id) is not int or not 0 < erased_id < 2**63 or not _FINGERPRINT.fullmatch(digest):
        raise ValueError("This is not an erasure.")
    at = datetime.fromisoformat(given["erased_at"])
    return Tombstone(erased_id, digest, at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))


def _append(path: Path, rows: Sequence[Erasure]) -> None:
    """Appends a line for each row, in one write that no other process interrupts, and fsyncs."""
    created = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # A machine that failed may have left half a line.
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + b"".join(_lines(rows))
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if created:
        _sync_folder(path.parent)


def _lines(rows: Sequence[Erasure]) -> Iterator[bytes]:
    for row in rows:
        line = {"id": row.erased_id, "fingerprint": row.fingerprint, "erased_at": row.erased_at.isoformat()}
        yield json.dumps(line).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    """So that the file's name is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
