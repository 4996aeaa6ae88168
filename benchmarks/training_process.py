"""The training in a process of its own, and what it took; part of ``benchmarks/training.py``.

As a program: trains on the database of DATABASE_URL, and writes a line of JSON to the file descriptor that it is given
as each stage begins.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Between two looks at the process's memory.
SAMPLE_SECONDS = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = os.cpu_count() or 1


@dataclass
class Phase:
    """A stage. peak_rss: with pages of mapped files; peak_anonymous: sampled; both in MiB. CPU times in seconds."""

    stage: str
    seconds: float = 0.0
    peak_rss: float = 0.0
    peak_anonymous: float = 0.0
    cpu: float = 0.0
    postgres_cpu: float = 0.0

    @property
    def share(self) -> float:
        """The share of all cores that the training and its PostgreSQL backends used."""
        return (self.cpu + self.postgres_cpu) / max(self.seconds, 1e-9) / _CORES


@dataclass
class Measured:
    """A training: its phases in order, and what its process said at the end."""

    phases: list[Phase] = field(default_factory=list)
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Of the whole training, from the call to the published version."""
        return sum(phase.seconds for phase in self.phases)

    def peak(self, what: str) -> float:
        """The highest ``peak_rss`` or ``peak_anonymous`` of all phases, in MiB."""
        return max(getattr(phase, what) for phase in self.phases)


def environment(url: str, folder: Path, threads: int) -> dict[str, str]:
    """Of a process that trains on the database at ``url`` with this number of threads."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "MODEL_DIR": str(folder),
        "TRAINING_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }


def train_measured(database: str, url: str, folder: Path, threads: int) -> Measured:
    """Runs the training on the database at ``url``, named ``database``, and measures it. Raises SystemExit."""
    reading, writing = os.pipe()
    command = [sys.executable, str(Path(__file__).resolve()), str(writing)]
    with (folder / "training.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(url, folder, threads),
            pass_fds=[writing],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    os.close(writing)
    watch = _Watch(process.pid, database)
    try:
        with os.fdopen(reading) as lines:
            for line in lines:
                watch.receive(json.loads(line))
        code = process.wait(timeout=60)
    finally:
        watch.stop()
        process.kill()
        process.wait()
    if code:
        raise SystemExit(f"The training ended with {code}:\n{(folder / 'training.log').read_text()[-5000:]}")
    return watch.measured


class _Watch:
    """Samples a process until it is stopped; a stage ends when the process says that the next one begins."""

    def __init__(self, pid: int, database: str) -> None:
        self.measured = Measured()
        self._pid, self._database = pid, database
        self._anonymous, self._cpu, self._postgres_cpu = 0.0, 0.0, 0.0
        self._began, self._at_begin = 0.0, (0.0, 0.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def receive(self, line: dict[str, Any]) -> None:
        """A stage begins ("stage"), or the training is over ("outcome"); "peak" is of the stage before, in MiB."""
        phases = self.measured.phases
        postgres = _postgres_seconds(self._database)
        if phases:
            phase = phases[-1]
            phase.seconds += line["at"] - self._began
            phase.peak_rss = max(phase.peak_rss, line["peak"])
            phase.peak_anonymous = max(phase.peak_anonymous, self._anonymous, line["anonymous"])
            phase.cpu += line["cpu"] - self._at_begin[0]
            phase.postgres_cpu += max(postgres - self._at_begin[1], 0.0)
        self._began, self._at_begin, self._anonymous = line["at"], (line["cpu"], postgres), 0.0
        self.measured.outcome = line.get("outcome", {})
        # A long stage says again and again how far it is.
        if "stage" in line and (not phases or phases[-1].stage != line["stage"]):
            phases.append(Phase(line["stage"]))

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            with contextlib.suppress(OSError, KeyError):
                self._anonymous = max(self._anonymous, _memory(self._pid)["RssAnon"])


def _memory(pid: int | str) -> dict[str, float]:
    """VmHWM, RssAnon and the like of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.endswith("kB")}


def _postgres_seconds(database: str) -> float:
    """CPU time so far of the PostgreSQL backends of a database that are alive."""
    total = 0.0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                if command.startswith(b"postgres:") and f" {database} ".encode() in command:
                    columns = (process / "stat").read_text().rpartition(")")[2].split()
                    total += (int(columns[11]) + int(columns[12])) / _TICKS
    return total


def main() -> None:
    """The process that trains."""
    report = os.fdopen(int(sys.argv[1]), "w", buffering=1)

    def tell(**what: Any) -> None:
        memory, times = _memory("self"), os.times()
        now = {"at": time.perf_counter(), "cpu": times.user + times.system}
        print(json.dumps({**what, **now, "peak": memory["VmHWM"], "anonymous": memory["RssAnon"]}), file=report)
        with contextlib.suppress(OSError):  # The next stage has a peak of its own.
            Path("/proc/self/clear_refs").write_text("5")

    import django  # noqa: PLC0415 -- the parent has no use for it.

    django.setup()
    from recommendations.training import services  # noqa: PLC0415

    known: list[int] = []
    write = services.results_write

    def write_counted(*, model: Any, **arguments: Any) -> None:
        known.append(len(model.ranker.known_items))
        write(model=model, **arguments)
        tell(stage="gate, publishing")

    services.results_write = write_counted  # type: ignore[assignment]
    tell(stage="starting")
    version = services.training_run(on_progress=lambda stage, share: tell(stage=stage), log_stages=False)
    outcome = {
        "version": version.pk,
        "status": str(version.status),
        "refusal": version.refusal,
        "people": version.people,
        "interactions": version.interactions,
        "ranked_movies": known[-1],
        "metrics": version.metrics,
    }
    tell(outcome=outcome)


if __name__ == "__main__":
    main()
