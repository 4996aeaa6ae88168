"""Columns that grow by blocks: short ones are arrays in memory, long ones are mapped from temporary files.

A mapped column takes no memory of the process: the system reads its pages as they are needed, and drops them again when
memory is short.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recommendations.algorithms.folder_errors import folder_named

# A column of up to this many rows stays in memory: all columns of two million interactions take 54 MB.
MAX_ROWS_IN_MEMORY = 2_000_000
# Rows that are in memory at once while a column is written or read through.
BLOCK_ROWS = 500_000


def row_blocks(rows: int) -> Iterator[slice]:
    """Slices of BLOCK_ROWS rows that cover all ``rows``."""
    for start in range(0, rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, rows))


class ColumnsWriter:
    """Columns of one length, written block by block.

    dtypes: each column's. folder: where the files of long columns are; None: all columns stay in memory. A file has no
    name in the folder, so it is gone when the last array over it is, or the process ends, however it ends.
    """

    def __init__(self, dtypes: Mapping[str, DTypeLike], folder: Path | None) -> None:
        self._dtypes = {name: np.dtype(dtype) for name, dtype in dtypes.items()}
        self._folder = folder
        self._blocks: dict[str, list[NDArray[Any]]] = {name: [] for name in self._dtypes}
        self._files: dict[str, IO[bytes]] = {}
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, **columns: NDArray[Any]) -> None:
        """Add one block of rows: an array of shape (rows,) for each column, which is not kept by reference.

        Raises ValueError when the columns are not those of the writer or differ in length, OSError when the disk is
        full or the folder cannot be written.
        """
        lengths = {len(values) for values in columns.values()}
        if columns.keys() != self._dtypes.keys() or len(lengths) > 1:
            raise ValueError("A block needs every column, and all of one length.")
        for name, values in columns.items():
            self._blocks[name].append(np.array(values, self._dtypes[name], order="C"))
        self._rows += max(lengths, default=0)
        if self._folder is not None and self._rows > MAX_ROWS_IN_MEMORY:
            with folder_named(self._folder):
                self._spill(self._folder)

    def finish(self) -> dict[str, NDArray[Any]]:
        """The columns, of shape (rows,) each. The writer is of no use afterwards. Raises OSError.

        A mapped column can be written to; what is written is in memory, and never in the file.
        """
        blocks, files = self._blocks, self._files
        self._blocks, self._files = {}, {}
        if files and self._folder is not None:
            with folder_named(self._folder):
                return {name: _mapped(files.pop(name), dtype) for name, dtype in self._dtypes.items()}
        return {
            name: np.concatenate(blocks.pop(name)) if self._rows else np.zeros(0, dtype)
            for name, dtype in self._dtypes.items()
        }

    def _spill(self, folder: Path) -> None:
        """Move the blocks in memory to the files. Writing through a mapping would crash on a full disk."""
        if not self._files:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = {name: _new_file(folder) for name in self._dtypes}
        for name, blocks in self._blocks.items():
            for block in blocks:
                self._files[name].write(block.data)
            blocks.clear()


def _new_file(folder: Path) -> IO[bytes]:
    """A file without a name, or whose name is removed at once where the file system cannot do that."""
    return tempfile.TemporaryFile(dir=folder)


def _mapped(file: IO[bytes], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The column in a file, which may be closed afterwards."""
    with file:
        file.flush()
        return np.asarray(np.memmap(file, dtype, mode="c"))
