"""A connection to a Spark cluster for one training: its settings, its Java process, and whether it can be used."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from pyspark import SparkConf
from pyspark.core.context import SparkContext
from pyspark.java_gateway import launch_gateway

from recommendations.training.engines import executor
from recommendations.training.engines.spark_errors import (
    NOT_SHARED,
    OTHER_CODE,
    SparkAwayError,
    SparkError,
    spark_errors,
)

logger = structlog.get_logger(__name__)

# How long to wait for the first executor, and for an answer of a master.
EXECUTOR_SECONDS = 120.0
_MASTER_SECONDS = 10.0
_STOP_SECONDS = 20.0
# Asks each core so often, each for a moment, so that no machine is left out.
_REPORTS_PER_CORE = 2
_REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SparkConfig:
    """master: spark://host:port, several separated by commas. folder: seen by all machines at the same path.

    executor_memory: of an executor's Java process, such as 2g. executor_cores: of an executor; 0 takes all of a worker.
    tasks: into how many a sum is divided; the same number gives the same digits. options: more settings of Spark.
    """

    master: str
    folder: Path
    executor_memory: str = "2g"
    executor_cores: int = 0
    tasks: int = 32
    options: Mapping[str, str] = field(default_factory=dict)


class SparkSession:
    """An open connection; ``context`` is Spark's. Raises SparkError if the cluster cannot be used."""

    def __init__(self, config: SparkConfig) -> None:
        self.config = config
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by stop.
        self._gateway: Any = None
        self._context: SparkContext | None = None
        self._interrupt = signal.getsignal(signal.SIGINT)
        try:
            address = _reachable_from(config.master)
            _java_check()
            self.context = self._connect(_conf(config, address))
            self._executor_wait()
            self._reports_check()
        except BaseException:
            self.stop()
            raise

    def _connect(self, conf: SparkConf) -> SparkContext:
        try:
            self._gateway = launch_gateway(conf, {"stdout": self._log, "stderr": self._log})
            self._context = SparkContext(gateway=self._gateway, conf=conf)
        except Exception as error:
            raise SparkError(
                f"Spark did not start (Java 17 and the cluster's release, {version('pyspark')}, are needed): "
                f"{self._last_words() or error}"
            ) from error
        self._context.setLogLevel("ERROR")
        return self._context

    def _executor_wait(self) -> None:
        """Wait for the first executor. Raises SparkError when none starts."""
        deadline = time.monotonic() + EXECUTOR_SECONDS
        with spark_errors(str(self.config.folder)):
            while self.executors() < 1:
                if time.monotonic() > deadline:
                    raise SparkAwayError(
                        f"no executor started within {EXECUTOR_SECONDS:.0f} seconds: no worker of {self.config.master} "
                        f"has TRAINING_SPARK_EXECUTOR_MEMORY ({self.config.executor_memory}) and "
                        f"TRAINING_SPARK_EXECUTOR_CORES ({self.config.executor_cores or 'one core'}) free"
                    )
                time.sleep(0.1)

    def executors(self) -> int:
        """How many executors there are now."""
        # The driver counts itself as well.
        return int(self.context._jsc.sc().getExecutorMemoryStatus().size()) - 1

    def _reports_check(self) -> None:
        """Ask each machine whether it sees the folder and runs the same code. Raises SparkError."""
        token = secrets.token_hex(16)
        path = self.config.folder / f"token-{token[:8]}"
        path.write_text(token)
        count = self.context.defaultParallelism * _REPORTS_PER_CORE
        try:
            with spark_errors(str(self.config.folder)):
                reports = set(
                    self.context.parallelize(range(count), count)
                    .map(lambda _: executor.report(str(path), _REPORT_SECONDS))
                    .collect()
                )
        finally:
            path.unlink(missing_ok=True)
        own = executor.report(str(path))
        blind = sorted({report.host for report in reports if report.token != token})
        if blind:
            raise SparkError(NOT_SHARED.format(hosts=", ".join(blind), folder=self.config.folder))
        other = sorted({report.host for report in reports if report.runs != own.runs})
        if other:
            raise SparkError(OTHER_CODE.format(hosts=", ".join(other)))
        hosts = sorted({report.host for report in reports})
        logger.info("spark_connected", master=self.config.master, executors=self.executors(), hosts=hosts)

    def _last_words(self) -> str:
        """The last line that the Java process wrote about an error."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        errors = [line.strip() for line in lines if "Exception" in line or "Error" in line or "ERROR" in line]
        return (errors or [""])[-1][:500]

    def stop(self) -> None:
        """End the connection and its Java process; the executors end with it. Never raises."""
        try:
            if self._context is not None:
                self._context.stop()
        except Exception:
            logger.exception("spark_not_stopped")
        finally:
            self._context = None
            if self._gateway is not None:
                _end_process(self._gateway)
                self._gateway = None
            _restore_interrupt(self._interrupt)
            self._log.close()


def _conf(config: SparkConfig, address: str) -> SparkConf:
    """Spark's settings. address: of this machine, as the master sees it."""
    defaults = {
        "spark.driver.host": address,
        "spark.driver.bindAddress": address,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # A result may be as large as a sum.
        "spark.driver.maxResultSize": "0",
        "spark.executor.memory": config.executor_memory,
        "spark.pyspark.python": sys.executable,
        "spark.executorEnv.PYTHONPATH": str(settings.BASE_DIR),
        # Each core has a process: its libraries must not start threads for all cores.
        **{f"spark.executorEnv.{name}": "1" for name in _THREADS},
    }
    if config.executor_cores:
        defaults["spark.executor.cores"] = str(config.executor_cores)
    conf = SparkConf().setMaster(config.master).setAppName("recsys training")
    return conf.setAll([*{**defaults, **config.options}.items()])


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def _reachable_from(master: str) -> str:
    """This machine's address on the way to the first master that answers. Raises SparkError."""
    problems = []
    for address in master.removeprefix("spark://").split(","):
        try:
            parts = urlsplit(f"//{address}")
            with socket.create_connection((parts.hostname, parts.port or 7077), _MASTER_SECONDS) as connection:
                return str(connection.getsockname()[0])
        except (OSError, ValueError) as error:
            problems.append(f"{address}: {error}")
    raise SparkAwayError(
        f"the Spark master does not answer ({'; '.join(problems)}): start it, or correct TRAINING_SPARK_MASTER"
    )


def _java_check() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").exists() if home else shutil.which("java")):
        raise SparkError(
            "TRAINING_ENGINE=spark needs Java 17 on this machine: apt install openjdk-17-jre-headless, or set JAVA_HOME"
        )


def _end_process(gateway: Any) -> None:
    """End the Java process, which pyspark keeps for the life of this one, and let pyspark forget it."""
    process = gateway.proc
    try:
        gateway.shutdown()
        process.stdin.close()
        process.wait(_STOP_SECONDS)
    except Exception:
        process.kill()
        process.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _restore_interrupt(handler: Any) -> None:
    """pyspark replaces the handler of an interrupt, and leaves it so."""
    try:
        signal.signal(signal.SIGINT, handler)
    except (ValueError, TypeError):
        # Not the main thread, whose handler pyspark does not replace either.
        return
