"""What runs on the executors of a cluster. No Django, and no Spark: functions of files and of what is sent with them.

Each is a pure function, so a task that runs again, or twice, gives the same.
"""

from __future__ import annotations

import hashlib
import platform
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

import recommendations
from recommendations.algorithms.likes import LocalLikes
from recommendations.training.engines.partitions import Partition
from recommendations.training.engines.shared_objects import SharedObject

# Elements of a piece of a sum: pieces of one place are added by one task.
PIECE = 1 << 20

# (place of the piece, task that summed it), and its elements.
Piece = tuple[tuple[int, int], NDArray[Any]]
# Folders of the package whose code executors run.
_CODE = ("algorithms", "training/engines")
_PACKAGES = ("numpy", "scipy", "polars")


def read_likes(partition: Partition, columns: NDArray[np.int32] | None, width: int) -> csr_array:
    """The likes of a partition's people, csr (people, width). columns: see LocalLikes."""
    likes = replace(LocalLikes.of(partition.read().likes()), columns=columns, width=width)
    return likes.rows(0, likes.shape[0])


def partial_sums(task: int, partitions: Sequence[Partition], shared: SharedObject) -> Iterator[Piece]:
    """The sums over some partitions, in pieces. shared: statistic, state, shapes, columns and width."""
    statistic, state, shapes, columns, width = shared.load()
    sums = tuple(np.zeros(shape, dtype) for shape, dtype in shapes)
    for partition in partitions:
        statistic(read_likes(partition, columns, width), state, sums)
    place = 0
    for values in sums:
        flat = values.reshape(-1)
        for start in range(0, flat.size, PIECE):
            yield (place, task), flat[start : start + PIECE]
            place += 1


def add_up(pieces: Iterable[Piece]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The sum of each place from the pieces of all tasks, which are sorted by place, then task."""
    place, total = -1, np.zeros(0)
    for (here, _), piece in pieces:
        if here == place:
            total += piece
            continue
        if place >= 0:
            yield place, total
        place, total = here, piece.copy()
    if place >= 0:
        yield place, total


def lists(partition: Partition, shared: SharedObject) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """The lists of a partition's people, see ListBlock. shared: ranker, length of a list and candidates."""
    ranker, n, candidates = shared.load()
    for users, positions, scores in ranker.recommend(partition.read(), n, candidates=candidates):
        yield users + partition.start, positions, scores


def exhaust(rows: Iterable[Any]) -> None:
    """Compute all rows."""
    for _ in rows:
        pass


def sample_rows(
    partition: Partition, chosen: NDArray[np.int64], columns: NDArray[np.int32] | None, width: int
) -> csr_array:
    """The likes of those of the chosen people, in ascending positions, who are in the partition."""
    first, last = np.searchsorted(chosen, [partition.start, partition.stop])
    return read_likes(partition, columns, width)[chosen[first:last] - partition.start]


@dataclass(frozen=True, slots=True)
class Report:
    """What a machine finds. token: what the file holds, None if there is none. runs: its code and its packages."""

    host: str
    token: str | None
    runs: tuple[str, ...]


def report(path: str, seconds: float = 0.0) -> Report:
    """This machine's report on the file at ``path``. seconds: how long to wait, so that all machines get their turn."""
    time.sleep(seconds)
    try:
        token = Path(path).read_text()
    except OSError:
        token = None
    python = ".".join(platform.python_version_tuple()[:2])
    return Report(socket.gethostname(), token, (_code_digest(), python, *map(version, _PACKAGES)))


def _code_digest() -> str:
    digest = hashlib.sha256()
    package = Path(recommendations.__file__).parent
    for folder in _CODE:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
