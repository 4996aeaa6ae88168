"""Errors of files that name their folder: a full disk alone says nothing of where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_named(folder: Path) -> Iterator[None]:
    """Raises an OSError of the block again with the folder as its ``filename``."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(folder)) from error
