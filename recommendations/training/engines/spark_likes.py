"""The likes of everybody in partitions, summed by the executors of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pyspark.core.broadcast import Broadcast
from pyspark.core.rdd import RDD
from pyspark.storagelevel import StorageLevel
from scipy.sparse import csr_array, vstack

from recommendations.algorithms.likes import Shapes, Statistic, Sums, columns_over
from recommendations.algorithms.people import draw_number
from recommendations.training.engines import executor
from recommendations.training.engines.partitions import Partition
from recommendations.training.engines.shared_objects import SharedObject
from recommendations.training.engines.spark_errors import spark_errors
from recommendations.training.engines.spark_session import SparkSession

# Bytes of the sums of all tasks, up to which they are added here.
_COLLECTED = 1 << 26


class SharedFolder:
    """Where one training's files lie, and the numbers of its shared objects."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._objects = 0

    @contextmanager
    def sharing(self, session: SparkSession, value: Any) -> Iterator[Broadcast[SharedObject]]:
        """``value`` for all executors while the block runs. Raises OSError."""
        self._objects += 1
        path = self.path / f"object-{self._objects}"
        broadcast = session.context.broadcast(SharedObject.write(value, path))
        try:
            yield broadcast
        finally:
            path.unlink(missing_ok=True)
            broadcast.destroy()


@dataclass(frozen=True, slots=True)
class SparkLikes:
    """See Likes. columns: the column of each item, int32, -1 for one that is left out; None if all are columns."""

    session: SparkSession
    folder: SharedFolder
    partitions: tuple[Partition, ...]
    width: int
    columns: NDArray[np.int32] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return (self.partitions[-1].stop if self.partitions else 0), self.width

    def sum(self, statistic: Statistic, state: Any, shapes: Shapes) -> Sums:
        """See ``Likes.sum``. Memory: the sums once for each core of the executors, and once here. Raises SparkError."""
        sums = tuple(np.zeros(shape, dtype) for shape, dtype in shapes)
        tasks = min(self.session.config.tasks, len(self.partitions))
        places = sum(-(-values.size // executor.PIECE) for values in sums)
        if not tasks or not places:
            return sums
        shared = (statistic, state, shapes, self.columns, self.width)
        with spark_errors(str(self.folder.path)), self.folder.sharing(self.session, shared) as broadcast:
            # Fixed partitions for each task, whose sums are added in their order: the last digits are always the same.
            assigned = [(task, self.partitions[task::tasks]) for task in range(tasks)]
            pieces = self.session.context.parallelize(assigned, tasks).flatMap(
                lambda task: executor.partial_sums(task[0], task[1], broadcast.value)
            )
            if tasks * sum(values.nbytes for values in sums) <= _COLLECTED:
                # Small sums: adding them here is quicker than moving them between executors.
                totals: Iterator[tuple[int, NDArray[Any]]] = executor.add_up(
                    sorted(pieces.collect(), key=lambda piece: piece[0])
                )
                _fill(sums, totals)
            else:
                adders = min(tasks, places)
                added = pieces.repartitionAndSortWithinPartitions(
                    adders, lambda key: key[0] * adders // places
                ).mapPartitions(executor.add_up)
                with kept(added) as rdd:
                    _fill(sums, rdd.toLocalIterator(prefetchPartitions=True))
        return sums

    def over(self, items: NDArray[np.int64]) -> Self:
        return replace(self, width=len(items), columns=columns_over(items, self.width, self.columns))

    def sample(self, people: int, random_state: int) -> csr_array:
        """See ``Likes.sample``: the same people as of LocalLikes. Raises SparkError."""
        chosen = draw_number(self.shape[0], people, random_state)
        columns, width = self.columns, self.width
        if not self.partitions:
            return csr_array((0, width), dtype=np.float32)
        with spark_errors(str(self.folder.path)):
            rows = (
                self.session.context.parallelize(self.partitions, len(self.partitions))
                .map(lambda partition: executor.sample_rows(partition, chosen, columns, width))
                .collect()
            )
        return csr_array(vstack(rows, format="csr", dtype=np.float32))


@contextmanager
def kept(rdd: RDD[Any]) -> Iterator[RDD[Any]]:
    """Compute all partitions at once, on the executors' disks, so that they can be read one after the other.

    What a lost executor had is computed again when it is read.
    """
    rdd.persist(StorageLevel.DISK_ONLY)
    try:
        rdd.foreachPartition(executor.exhaust)
        yield rdd
    finally:
        rdd.unpersist()


def _fill(sums: Sums, totals: Iterator[tuple[int, NDArray[Any]]]) -> None:
    """Write the totals of all places, in their order, into the sums."""
    for values in sums:
        flat = values.reshape(-1)
        for start in range(0, flat.size, executor.PIECE):
            _, flat[start : start + executor.PIECE] = next(totals)
