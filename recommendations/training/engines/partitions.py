"""Interactions as Parquet files, one for a block of people, which every machine of a cluster reads.

No Django: executors import this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.people import people_blocks

# Interactions of a file: it takes 3 MB, and an executor some tens of MB for its matrices.
PARTITION_ROWS = 1_000_000


class FolderNotSharedError(OSError):
    """A machine does not see a file of the shared folder."""


@dataclass(frozen=True, slots=True)
class Partition:
    """The interactions of the people from ``start`` to before ``stop``, with ``width`` items, in a Parquet file."""

    path: str
    start: int
    stop: int
    width: int

    def read(self) -> Interactions:
        """The block of people, renumbered from 0; ratings and times are not in the file, and missing (NaN and 0).

        Raises FolderNotSharedError.
        """
        try:
            table = pl.read_parquet(self.path, memory_map=False)
        except FileNotFoundError as error:
            raise FolderNotSharedError(self.path) from error
        rows = len(table)
        return Interactions(
            user_ids=np.arange(self.stop - self.start),
            item_ids=np.arange(self.width),
            users=table["user"].to_numpy(),
            items=table["item"].to_numpy(),
            weights=table["weight"].to_numpy(),
            ratings=np.broadcast_to(np.float32(np.nan), rows),
            timestamps=np.broadcast_to(np.int64(0), rows),
            excludes=table["excludes"].to_numpy(),
            ordered=True,
        )


def partitions_write(interactions: Interactions, folder: Path, rows: int | None = None) -> tuple[Partition, ...]:
    """Write everybody's interactions, by person, then item, in files of about ``rows`` each, PARTITION_ROWS by default.

    A person's are in one file. Memory: a file's columns, and a sorted copy of interactions in another order.
    Raises OSError.
    """
    rows = rows or PARTITION_ROWS
    data = interactions.sorted()
    width, everyone = len(data.item_ids), len(data.user_ids)
    starts = np.searchsorted(data.users, np.arange(everyone + 1, dtype=np.int32))
    partitions = []
    for place, (start, stop) in enumerate(people_blocks(starts, rows)):
        partition = Partition(str(folder / f"{place:06}.parquet"), start, stop, width)
        block = data.people(start, stop)
        pl.DataFrame(
            {"user": block.users, "item": block.items, "weight": block.weights, "excludes": block.excludes}
        ).write_parquet(partition.path, compression="zstd", compression_level=1, statistics=False)
        partitions.append(partition)
    return tuple(partitions)
