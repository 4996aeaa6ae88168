"""Models as .npz files: numbers and text only, never pickle, written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray


class ModelFileError(ValueError):
    """A model's file is missing or does not hold what its name says."""


def save_arrays(path: Path, kind: str, arrays: Mapping[str, NDArray]) -> None:
    """Write ``arrays`` and the name of their kind; a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, kind=np.array(kind), **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_arrays(path: Path, kind: str) -> dict[str, NDArray]:
    """Read the arrays of a file that ``save_arrays`` wrote. Raises ModelFileError, naming the file."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: there is no such model file.") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ModelFileError(f"{path}: this is not a model file: {error}") from error
    found = str(arrays.pop("kind", ""))
    if found != kind:
        raise ModelFileError(f"{path}: expected a model of kind {kind!r}, found {found!r}.")
    return arrays
