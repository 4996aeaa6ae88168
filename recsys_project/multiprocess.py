"""The metrics files of the processes on this machine, from which any of them can compute the sums.

Does not import the Prometheus client, which decides at import whether it stores metrics in files.
"""

import os
from pathlib import Path

from recsys_project.embedded import addresses

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(kind: str) -> Path:
    """Creates the folder for a kind of process (web or worker) and sets it for the Prometheus client.

    Call it before anything imports ``prometheus_client``. A folder set in the environment is used instead.
    """
    folder = Path(os.environ.get(VARIABLE) or addresses.var_dir() / "prometheus" / kind)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def wipe_dead(folder: Path) -> None:
    """Deletes the files of processes that have ended, whose counts belong to an earlier start."""
    for file in folder.glob("*.db"):
        pid = file.stem.rpartition("_")[2]
        if not pid.isdecimal() or not _alive(int(pid)):
            file.unlink(missing_ok=True)


def all_files(folder: Path) -> list[str]:
    """The files of all kinds of processes on this machine; ``folder`` is the folder of one kind.

    Skips empty files, which were just created and which the client cannot read yet.
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
