"""What the processes of the site use. Each says itself what it has spent; the scraped one reads the rest from /proc."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from django.db import connections
from prometheus_client import PROCESS_COLLECTOR, REGISTRY, Counter, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from recsys_project import multiprocess

logger = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0
# The client's own collector has the same names, and knows one process alone.
REGISTRY.unregister(PROCESS_COLLECTOR)
CPU = Counter(
    "process_cpu_seconds_total", "CPU seconds of all processes that handle requests and tasks, ended ones included."
)
# A process reports what its pool looked like after its latest request.
POOL = Gauge(
    "recsys_database_pool_connections",
    "Connections to PostgreSQL by state, summed over processes: open, idle, and requests that wait for one.",
    ["state"],
    multiprocess_mode="livesum",
)
_PAGE = os.sysconf("SC_PAGE_SIZE")


class _Reported:
    """What this process has reported; starts again after a fork."""

    pid = 0
    at = 0.0
    cpu = 0.0


def observe_process() -> None:
    """Reports this process's CPU time and its pool, at most each EVERY_SECONDS. Call it after a request or a task."""
    now = time.monotonic()
    if _Reported.pid == os.getpid() and now - _Reported.at < EVERY_SECONDS:
        return
    if _Reported.pid != os.getpid():
        _Reported.pid, _Reported.cpu = os.getpid(), 0.0
    used = time.process_time()
    # Two threads that come here at once add the same seconds once each at most.
    spent, _Reported.at, _Reported.cpu = used - _Reported.cpu, now, used
    CPU.inc(max(0.0, spent))
    pool = getattr(connections["default"], "_connection_pools", {}).get("default")
    if pool is not None:
        stats = pool.get_stats()
        POOL.labels("open").set(stats.get("pool_size", 0))
        POOL.labels("idle").set(stats.get("pool_available", 0))
        POOL.labels("waiting").set(stats.get("requests_waiting", 0))


Folders = Callable[[], list[Path]]


class MergedFiles(Collector):
    """Sums the metrics of all processes whose files are in the folders."""

    def __init__(self, folders: Folders = multiprocess.folders) -> None:
        self._folders = folders

    def collect(self) -> Iterable[Metric]:
        with multiprocess.reading(self._folders()) as files:
            yield from MultiProcessCollector.merge(files, accumulate=True)


class Processes(Collector):
    """Memory, open files and start of the living processes, by kind: the folder that they keep their metrics in."""

    def __init__(self, folders: Folders = multiprocess.folders) -> None:
        self._folders = folders

    def collect(self) -> Iterable[Metric]:
        labels = ["kind"]
        count = GaugeMetricFamily("recsys_processes", "Living processes.", labels=labels)
        memory = GaugeMetricFamily("process_resident_memory_bytes", "Memory of all processes.", labels=labels)
        files = GaugeMetricFamily("process_open_fds", "Open files of the process with the most.", labels=labels)
        limit = GaugeMetricFamily("process_max_fds", "The most files that a process may open.", labels=labels)
        started = GaugeMetricFamily(
            "process_start_time_seconds", "When the newest process started, in seconds since 1970.", labels=labels
        )
        for kind, pids in multiprocess.living_processes(self._folders()).items():
            usages = [usage for pid in pids if (usage := _usage(pid)) is not None]
            if not usages:
                continue
            # The port would make a series for each that was ever used.
            values = ([kind.partition("-")[0]], usages)
            count.add_metric(values[0], len(usages))
            memory.add_metric(values[0], sum(usage[0] for usage in usages))
            files.add_metric(values[0], max(usage[1] for usage in usages))
            limit.add_metric(values[0], min(usage[2] for usage in usages))
            started.add_metric(values[0], max(usage[3] for usage in usages))
        yield from (count, memory, files, limit, started)


def _usage(pid: int) -> tuple[float, float, float, float] | None:
    """Resident bytes, open files, their limit, and the time of the start; None for a process that has just ended."""
    folder = Path("/proc") / str(pid)
    try:
        resident = int((folder / "statm").read_text().split()[1]) * _PAGE
        files = len(list((folder / "fd").iterdir()))
        limits = next(
            line for line in (folder / "limits").read_text().splitlines() if line.startswith("Max open files")
        )
        ticks = float((folder / "stat").read_text().rpartition(")")[2].split()[19])
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, StopIteration, IndexError, ValueError):
        return None
    limit = limits.split()[3]
    return (
        resident,
        files,
        float("inf") if limit == "unlimited" else float(limit),
        booted + ticks / os.sysconf("SC_CLK_TCK"),
    )
