"""Peak memory of a part of the work."""

from __future__ import annotations

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def peak_memory_reset() -> None:
    """Reset the peak where the system allows it, so that a worker's earlier tasks do not count."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def peak_memory_mib() -> int:
    """The process's highest resident size since the reset, in MiB."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
