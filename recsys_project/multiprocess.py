"""Where the processes of one machine keep their metrics, so that any of them can add all up.

Imports nothing of Prometheus: the client decides when it is imported whether it keeps metrics in files.
"""

import os
from pathlib import Path

from recsys_project.embedded import addresses

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(kind: str) -> Path:
    """Makes the folder for a kind of process (web or worker) and points the Prometheus client at it.

    Call it before anything imports ``prometheus_client``. A folder given in the environment is kept.
    """
    folder = Path(os.environ.get(VARIABLE) or addresses.var_dir() / "prometheus" / kind)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def wipe_dead(folder: Path) -> None:
    """Removes what processes that have ended left in the folder: their counts belong to an earlier start."""
    for file in folder.glob("*.db"):
        pid = file.stem.rpartition("_")[2]
        if not pid.isdecimal() or not _alive(int(pid)):
            file.unlink(missing_ok=True)


def all_files(folder: Path) -> list[str]:
    """The files of every kind of process on this machine, where ``folder`` is one kind's own.

    An empty one was made this moment and is not laid out yet; the client cannot read it.
    """
    worker = folder.parent / "worker"
    folders = {folder, worker} if worker.is_dir() else {folder}
    return sorted(str(file) for each in folders for file in each.glob("*.db") if file.stat().st_size)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
