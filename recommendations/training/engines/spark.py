"""Many machines: the executors of a Spark cluster sum over people and make lists; models are solved in this process.

Imported only where TRAINING_ENGINE is spark: it needs the packages of requirements-spark.txt.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import structlog
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes
from recommendations.training.engines import executor
from recommendations.training.engines.base import ListBlock, ListRanker
from recommendations.training.engines.partitions import Partition, partitions_write
from recommendations.training.engines.spark_errors import SparkError, spark_errors
from recommendations.training.engines.spark_likes import SharedFolder, SparkLikes, kept
from recommendations.training.engines.spark_session import SparkConfig, SparkSession

logger = structlog.get_logger(__name__)

# Of the folders of trainings.
_PREFIX = "training-"


class SparkEngine:
    """See TrainingEngine.

    While it is open, a folder of its own holds the interactions; those that killed trainings left are deleted as it
    opens, because only one training runs at a time.
    """

    def __init__(self, config: SparkConfig) -> None:
        self.config = config
        self._session: SparkSession | None = None
        self._folder: SharedFolder | None = None
        self._exports = 0
        # The newest interactions that were written, and their files.
        self._written: tuple[Interactions, tuple[Partition, ...]] | None = None

    def __enter__(self) -> Self:
        """Raises SparkError if the folder cannot be written or the cluster cannot be used."""
        try:
            self.config.folder.mkdir(parents=True, exist_ok=True)
            for left in self.config.folder.glob(f"{_PREFIX}*"):
                shutil.rmtree(left, ignore_errors=True)
            path = self.config.folder / f"{_PREFIX}{secrets.token_hex(8)}"
            path.mkdir()
        except OSError as error:
            raise SparkError(f"TRAINING_SPARK_FOLDER cannot be written: {error}") from error
        self._folder = SharedFolder(path)
        try:
            self._session = SparkSession(self.config)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._written = None
        try:
            if self._session is not None:
                self._session.stop()
        finally:
            self._session = None
            if self._folder is not None:
                shutil.rmtree(self._folder.path, ignore_errors=True)
            self._folder = None

    def likes(self, interactions: Interactions) -> Likes:
        """Raises SparkError."""
        session, folder = self._opened()
        return SparkLikes(session, folder, self._partitions(interactions), len(interactions.item_ids))

    def lists(
        self, ranker: ListRanker, interactions: Interactions, n: int, candidates: NDArray[np.bool_] | None
    ) -> Iterator[ListBlock]:
        """Raises SparkError."""
        session, folder = self._opened()
        partitions = self._partitions(interactions)
        if not partitions:
            return
        with (
            spark_errors(str(folder.path)),
            folder.sharing(session, (ranker, n, candidates)) as broadcast,
            kept(
                session.context.parallelize(partitions, len(partitions)).flatMap(
                    lambda partition: executor.lists(partition, broadcast.value)
                )
            ) as blocks,
        ):
            yield from blocks.toLocalIterator(prefetchPartitions=True)

    def _opened(self) -> tuple[SparkSession, SharedFolder]:
        if self._session is None or self._folder is None:
            raise RuntimeError("The engine is not open.")
        return self._session, self._folder

    def _partitions(self, interactions: Interactions) -> tuple[Partition, ...]:
        """The files of the interactions, written once. Raises SparkError."""
        _, folder = self._opened()
        if self._written is None or self._written[0] is not interactions:
            self._exports += 1
            path: Path = folder.path / f"interactions-{self._exports}"
            try:
                path.mkdir()
                self._written = interactions, partitions_write(interactions, path)
            except OSError as error:
                raise SparkError(f"TRAINING_SPARK_FOLDER cannot be written: {error}") from error
        return self._written[1]
