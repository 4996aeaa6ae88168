"""Errors of a Spark cluster, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from recommendations.training.attempts import RetriableTrainingError, TrainingError
from recommendations.training.engines.partitions import FolderNotSharedError

OUT_OF_MEMORY = (
    "an executor of the Spark cluster ran out of memory: raise TRAINING_SPARK_EXECUTOR_MEMORY if its Java process did, "
    "or lower TRAINING_SPARK_EXECUTOR_CORES, because each core has a Python process beside it"
)
NOT_SHARED = (
    "TRAINING_SPARK_FOLDER is not shared: {hosts} cannot read what this machine writes into {folder}. Mount the same "
    "folder at the same path on all machines, readable by the account of the Spark workers"
)
NO_CODE = (
    "the executors of the Spark cluster cannot import the project: install the same release and its requirements at "
    "the same path on each machine, or set spark.executorEnv.PYTHONPATH and spark.pyspark.python in "
    "TRAINING_SPARK_OPTIONS"
)
OTHER_CODE = (
    "{hosts} runs another release of the project, or other versions of Python, numpy, scipy or polars: install "
    "the same on this machine and on all machines of the Spark cluster"
)
LOST = "the connection to the Spark cluster was lost: see the logs of its master and workers, and train again"
_GONE = re.compile(r"stopped SparkContext|SparkContext was shut down|Answer from Java side is empty")
# What the text of an exception says, by the error it means; the first that is found counts.
_MEANINGS = (
    (re.compile(r"MemoryError|OutOfMemoryError|Python worker exited unexpectedly|exit code (137|52)\b"), OUT_OF_MEMORY),
    (re.compile(r"ModuleNotFoundError|ImportError|PYTHON_VERSION_MISMATCH|error=2, No such file"), NO_CODE),
    (_GONE, LOST),
)
_CAUSE = re.compile(r"^(?:[\w.]*\.)?\w*(?:Error|Exception)\b.*$", re.MULTILINE)


class SparkError(TrainingError):
    """The Spark cluster failed or is not usable. The message says what to do."""


class SparkAwayError(SparkError, RetriableTrainingError):
    """The Spark cluster does not answer, or no longer does."""


@contextmanager
def spark_errors(folder: str) -> Iterator[None]:
    """Raises SparkError for what Spark and its Java process raise."""
    try:
        yield
    except (Py4JError, PySparkException, ConnectionError, EOFError) as error:
        words = meaning(str(error), folder)
        raise (SparkAwayError(words) if words == LOST else SparkError(words)) from error


def meaning(text: str, folder: str) -> str:
    """What the text of one of Spark's exceptions means."""
    if FolderNotSharedError.__name__ in text:
        return NOT_SHARED.format(hosts="a machine of the cluster", folder=folder)
    for pattern, words in _MEANINGS:
        if pattern.search(text):
            return words
    # The last error that is named is that of Python on the executor; Java's wrap it.
    causes = [line for line in _CAUSE.findall(text) if "org.apache.spark" not in line and "py4j" not in line]
    return f"Spark failed: {causes[-1] if causes else text.strip().splitlines()[0] if text.strip() else 'no reason'}"
