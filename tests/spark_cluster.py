"""A standalone Spark cluster on loopback, as processes: a master and two workers with one core each."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

needs_pyspark = pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark of requirements-spark.txt is missing.")
needs_java = pytest.mark.skipif(which("java") is None, reason="Java is missing: apt install openjdk-17-jre-headless.")
# The compiler for long runs and the verification of classes cost more than they gain in tests.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
OPTIONS = {
    "spark.driver.memory": "512m",
    # A task that an executor lost runs again, one that fails by itself does so in vain.
    "spark.task.maxFailures": "2",
    "spark.driver.extraJavaOptions": QUICK_JAVA,
    "spark.executor.extraJavaOptions": QUICK_JAVA,
}
_WAIT_SECONDS = 60


def wait_until(done: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.05)


def _parent(process: int) -> int:
    # The name of the program, in brackets, may have spaces.
    parent = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    assert parent > 1, "the process is not one of an executor"
    return parent


class SparkCluster:
    """``master`` is its address."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        import pyspark  # noqa: PLC0415 -- optional.

        self._home, self._folder = Path(pyspark.__file__).parent, folder
        self._processes: list[subprocess.Popen] = []
        try:
            log = self._start("master", "--webui-port", "0", "--port", "0")
            wait_until(lambda: self._ended() or "Starting Spark master at spark://" in log.read_text(), "no master")
            assert not self._ended(), log.read_text()
            self.master = re.search(r"Starting Spark master at (spark://\S+)", log.read_text())[1]
            self._workers = [self._worker(number) for number in range(workers)]
        except BaseException:
            self.stop()
            raise

    def _ended(self) -> bool:
        return any(process.poll() is not None for process in self._processes)

    def _worker(self, number: int) -> int:
        self._start("worker", "--webui-port", "0", "--cores", "1", "--memory", "1g", self.master, name=f"w{number}")
        return self._processes[-1].pid

    def _start(self, role: str, *arguments: str, name: str = "") -> Path:
        log = self._folder / f"{name or role}.log"
        environment = os.environ | {
            "SPARK_HOME": str(self._home),
            "SPARK_WORKER_DIR": str(self._folder / "work"),
            "SPARK_LOCAL_DIRS": str(self._folder / "local"),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": QUICK_JAVA,
            "SPARK_LAUNCHER_OPTS": QUICK_JAVA,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        command = [str(self._home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}.{role.title()}"]
        with log.open("wb") as out:
            self._processes.append(
                subprocess.Popen(
                    [*command, "--host", "127.0.0.1", *arguments],
                    env=environment,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )
        return log

    def kill_executor_of(self, process: int) -> None:
        """Kill the executor that a Python process works for, as a power cut does."""
        while (parent := _parent(process)) not in self._workers:
            process = parent
        os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """End all processes, the executors' first."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
