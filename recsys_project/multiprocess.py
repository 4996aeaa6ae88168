"""The metrics files of the processes on this machine, from which any of them can compute the sums.

A process has a file for each type of metric. What has ended is merged into one file of each type, so that neither the
number of files nor a scrape's work grows with restarts. A lock keeps a scrape from reading while files are merged.

Does not import the Prometheus client at the top, since it decides at import whether it stores metrics in files.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_project.embedded import addresses

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_WORKER = "worker"
# In place of a process id in the name of the file that holds the sums of ended processes.
_ENDED = "ended"
# Types of files whose values can be added. A gauge says how things are now, and ends with its process.
_ADDED = ("counter", "histogram", "summary")


def prepare(kind: str) -> Path:
    """Creates the folder for a kind of process (web or worker) and sets it for the Prometheus client.

    Call it before anything imports ``prometheus_client``. A folder set in the environment is used instead.
    """
    folder = Path(os.environ.get(VARIABLE) or addresses.var_dir() / "prometheus" / kind)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def begin(folder: Path) -> None:
    """Cleans the folder when a server or worker starts.

    If none of its processes lives, all counts belong to an earlier start and are deleted; otherwise another server is
    being replaced, or another worker shares the folder, and counts go on.
    """
    with _locked(folder, fcntl.LOCK_EX):
        if any(_alive(pid) for pid in map(_pid_of, folder.glob("*.db")) if pid is not None):
            _merge_ended(folder)
            return
        for file in folder.glob("*.db"):
            file.unlink(missing_ok=True)


def merge_ended(folder: Path) -> None:
    """Adds the counts of ended processes to the file that holds such counts, and deletes their files."""
    with _locked(folder, fcntl.LOCK_EX):
        _merge_ended(folder)


def folders() -> list[Path]:
    """The folder of this process and that of the workers on this machine, which exist; none if none is set.

    Another web server on this machine is scraped by itself: its counts here would be counted twice.
    """
    if not os.environ.get(VARIABLE):
        return []
    folder = Path(os.environ[VARIABLE])
    worker = folder.parent / _WORKER
    return sorted({folder, worker} if worker.is_dir() else {folder})


def own_folder() -> list[Path]:
    """The folder of this process; none if none is set."""
    return [Path(os.environ[VARIABLE])] if os.environ.get(VARIABLE) else []


@contextmanager
def reading(of: list[Path]) -> Iterator[list[str]]:
    """The files of these folders, which stay as they are until the block ends.

    Skips empty files, which were just created and which the client cannot read yet.
    """
    if not of:
        yield []
        return
    with _locked(of[0], fcntl.LOCK_SH):
        files = [str(file) for file in sorted(of[0].glob("*.db")) if _size(file)]
        with reading(of[1:]) as others:
            yield files + others


def living_processes(of: list[Path]) -> dict[str, list[int]]:
    """The ids of living processes with metrics in these folders, by the name of the folder."""
    found = {}
    for folder in of:
        pids = {pid for file in folder.glob("*.db") if (pid := _pid_of(file)) is not None}
        found[folder.name] = sorted(pid for pid in pids if _alive(pid))
    return found


def _merge_ended(folder: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 -- see the module's docstring.

    ended = [file for file in folder.glob("*.db") if (pid := _pid_of(file)) is not None and not _alive(pid)]
    for kind in _ADDED:
        files = [file for file in ended if file.name.startswith(f"{kind}_") and _size(file)]
        if not files:
            continue
        target = folder / f"{kind}_{_ENDED}.db"
        sums: dict[str, float] = defaultdict(float)
        for file in [*files, target]:
            if _size(file):
                for key, value in _values(file):
                    sums[key] += value
        fresh = target.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        written = MmapedDict(str(fresh))
        for key, value in sums.items():
            written.write_value(key, value, 0.0)
        written.close()
        fresh.replace(target)
        # Otherwise a crash after this point would count them twice.
        for file in files:
            file.unlink(missing_ok=True)
    for file in ended:
        file.unlink(missing_ok=True)


def _values(file: Path) -> list[tuple[str, float]]:
    """The keys and values of a file; those that can be read, if its process was killed while it wrote."""
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 -- see the module's docstring.

    found: list[tuple[str, float]] = []
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
            found.append((key, value))
    except (OSError, RuntimeError, ValueError, IndexError, TypeError):
        pass
    return found


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, how)
        yield


def _pid_of(file: Path) -> int | None:
    """The process that writes the file; None for that of the ended ones, and for files of other names."""
    pid = file.stem.rpartition("_")[2]
    return int(pid) if pid.isdecimal() else None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
