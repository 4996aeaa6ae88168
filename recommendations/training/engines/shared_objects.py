"""Objects with large arrays for all processes of a cluster: the arrays in a file of the shared folder.

Each process maps the file, so a machine holds the arrays once, however many of its processes use them. What is pickled
travels through Spark and never lies in the folder. No Django: executors import this module.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recommendations.training.engines.partitions import FolderNotSharedError

# Smaller arrays travel with the rest.
_IN_FILE = 1 << 16
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class SharedObject:
    """``pickled``: the object without its large arrays, which lie at ``spans`` (offset, bytes) of the file."""

    pickled: bytes
    path: str
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def write(cls, value: Any, path: Path) -> SharedObject:
        """Write the arrays into a new file. Functions and classes must be those of modules. Raises OSError."""
        buffers: list[pickle.PickleBuffer] = []

        def in_band(buffer: pickle.PickleBuffer) -> bool:
            small = buffer.raw().nbytes < _IN_FILE
            if not small:
                buffers.append(buffer)
            return small

        pickled = pickle.dumps(value, protocol=5, buffer_callback=in_band)
        spans = []
        if buffers:
            with path.open("xb") as file:
                for buffer in buffers:
                    file.write(bytes(-file.tell() % _ALIGNMENT))
                    spans.append((file.tell(), buffer.raw().nbytes))
                    file.write(buffer.raw())
        return cls(pickled, str(path), tuple(spans))

    def load(self) -> Any:
        """The object; its large arrays are read-only. Raises FolderNotSharedError."""
        buffers: list[memoryview] = []
        if self.spans:
            try:
                mapped = np.memmap(self.path, np.uint8, "r")
            except FileNotFoundError as error:
                raise FolderNotSharedError(self.path) from error
            buffers = [mapped[start : start + size].data for start, size in self.spans]
        # Sent by the process that trains, over Spark's own connections.
        return pickle.loads(self.pickled, buffers=buffers)  # noqa: S301  # nosec B301
