"""Room on the disks of this machine, and how old the newest backup is."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from recsys_project.doctor.findings import Finding, Level

_GIB = 1024**3
_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = {"tmpfs", "ramfs"}
# The share that should be free, and the room below which a training or PostgreSQL soon fails.
_WARNING_SHARE, _PROBLEM_BYTES = 0.1, _GIB // 2


def space_findings() -> Iterator[Finding]:
    """Each disk that the project writes to, once; and whether it may write there."""
    folders = {
        "RECSYS_VAR": Path(settings.VAR_DIR),
        "MODEL_DIR": Path(settings.MODEL_DIR),
        "temporary files": Path(tempfile.gettempdir()),
    }
    if settings.TRAINING_SCRATCH_DIR:
        folders["TRAINING_SCRATCH_DIR"] = Path(settings.TRAINING_SCRATCH_DIR)
    if settings.ERASURES_FILE:
        folders["ERASURES_FILE"] = Path(settings.ERASURES_FILE).parent
    if settings.BACKUP_DIR:
        folders["BACKUP_DIR"] = Path(settings.BACKUP_DIR)
    seen: set[int] = set()
    for name, folder in folders.items():
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if name != "BACKUP_DIR" and not os.access(existing, os.W_OK):
            advice = "Give it to the account that runs the processes, or start this command as that account."
            yield Finding("disk", Level.WARNING, f"This account may not write to {existing} ({name}).", advice)
        device = existing.stat().st_dev
        if device not in seen:
            seen.add(device)
            usage = shutil.disk_usage(existing)
            yield space_finding(f"{existing} ({name})", usage.free, usage.total)
    yield from scratch_findings(Path(settings.TRAINING_SCRATCH_DIR or settings.MODEL_DIR))


def scratch_findings(folder: Path) -> Iterator[Finding]:
    """Whether the data of a long training would be in memory after all; nothing where that is not known."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    device = existing.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return
    # The third field is the device; the type of the file system follows a dash.
    if any(fields[2] == number and fields[fields.index("-") + 1] in _IN_MEMORY for fields in mounts):
        text = (
            f"{existing} is a file system in memory, and a training with millions of interactions keeps its data there."
        )
        yield Finding("disk", Level.WARNING, text, "Set TRAINING_SCRATCH_DIR to a folder on a disk.")


def space_finding(where: str, free: int, total: int) -> Finding:
    """Judges the free bytes of a disk of ``total`` bytes."""
    text = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB are free at {where}."
    if free < _PROBLEM_BYTES:
        return Finding(
            "disk", Level.PROBLEM, text, "Make room now: trainings, PostgreSQL and Redis stop when it is full."
        )
    if free < _WARNING_SHARE * total:
        advice = "Make room: old backups, or versions that nobody needs (docs/operations.md, Room on disk)."
        return Finding("disk", Level.WARNING, text, advice)
    return Finding("disk", Level.OK, text)


def backup_findings() -> Iterator[Finding]:
    """The age of the newest file in BACKUP_DIR; hidden and empty ones are not backups."""
    if not settings.BACKUP_DIR:
        yield Finding(
            "backups", Level.UNKNOWN, "Not known: set BACKUP_DIR to the folder of the backups to have it checked."
        )
        return
    folder = Path(settings.BACKUP_DIR)
    try:
        files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
        times = [path.stat().st_mtime for path in files if path.stat().st_size]
    except OSError as error:
        text = f"{folder} cannot be read: {error.strerror}."
        yield Finding("backups", Level.PROBLEM, text, "Make the folder, or correct BACKUP_DIR.")
        return
    if not times:
        yield Finding(
            "backups", Level.PROBLEM, f"There is no backup in {folder}.", "Make one (docs/operations.md, Backups)."
        )
        return
    hours = (time.time() - max(times)) / 3600
    text = f"The newest of {len(times)} backups is {hours:.1f} hours old."
    if hours > settings.BACKUP_MAX_AGE_HOURS:
        advice = "See why the last one was not made, and make one now."
        limit = f" The limit is {settings.BACKUP_MAX_AGE_HOURS:g} (BACKUP_MAX_AGE_HOURS)."
        yield Finding("backups", Level.PROBLEM, text + limit, advice)
    else:
        yield Finding("backups", Level.OK, text)
