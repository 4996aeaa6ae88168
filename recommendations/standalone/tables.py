"""Writes tables of recommendations as CSV or Parquet, completely or not at all, in blocks of bounded memory."""

from __future__ import annotations

import csv
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

HEADER = ("user", "movie", "rank", "score")
SUFFIXES = (".csv", ".parquet")
# A spreadsheet reads a cell with such a first character as a formula; a number may begin with a sign.
_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class ExportError(ValueError):
    """There is nothing to export, or the target cannot be written; the message is for the user."""


def check_target(path: Path) -> None:
    """Check that a table can be written to ``path``; an existing file may be replaced. Raises ExportError otherwise."""
    if path.suffix.lower() not in SUFFIXES:
        raise ExportError(f"{path} must end in {' or '.join(SUFFIXES)}.")
    if path.is_dir():
        raise ExportError(f"{path} is a folder.")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise ExportError(f"There is no folder {parent} to write {path.name} in.")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise ExportError(f"{parent} cannot be written to: {error.strerror}.") from error


def list_frame(
    users: NDArray, items: NDArray[np.integer], scores: NDArray[np.floating], names: NDArray, limit: int
) -> pl.DataFrame:
    """Convert lists of some people to rows of HEADER.

    users: ids of the people, shape (people,). items: positions in ``names``, shape (people, n), best first; negative
    ones are left out, and the rest moves up. limit: the length of a list.
    """
    kept = items >= 0
    rank = np.cumsum(kept, axis=1)
    kept &= rank <= limit
    rows, _ = np.nonzero(kept)
    columns = (users[rows], names[items[kept]], rank[kept].astype(np.int32), scores[kept].astype(np.float32))
    return pl.DataFrame([pl.Series(name, column) for name, column in zip(HEADER, columns, strict=True)])


def table_write(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    """Write frames with HEADER's columns, each of one type, in their order; returns the number of rows.

    An existing file is replaced once the new one is complete. Raises OSError, and what iterating ``frames`` raises.
    """
    write = _write_csv if path.suffix.lower() == ".csv" else _write_parquet
    with _replaced(path) as temporary:
        return write(temporary, frames)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A temporary path that replaces ``path`` if the block succeeds, and is removed if it fails."""
    path = path.resolve()
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    temporary = folder / path.name
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_csv(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(HEADER)
        for frame in frames:
            stream.write(_escaped(frame).write_csv(include_header=False))
            rows += frame.height
    return rows


def _escaped(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before ids that a spreadsheet would read as a formula."""
    texts = [name for name in HEADER[:2] if frame.schema[name] == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA) & ~pl.col(name).str.contains(f"^(?:{_NUMBER.pattern})$"))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )


def _write_parquet(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    """Write each frame to a file, then merge the files: a Parquet footer lists the offsets of all parts."""
    parts: list[Path] = []
    rows = 0
    for frame in frames:
        part = path.with_name(f"{len(parts):06}.parquet")
        frame.write_parquet(part)
        parts.append(part)
        rows += frame.height
    if not parts:
        raise ExportError("there are no lists to export")
    pl.scan_parquet(parts).sink_parquet(path, maintain_order=True, row_group_size=1 << 20)
    return rows


# Called with the share of the export that is done, 0 to 1.
OnShare = Callable[[float], None]


def silent(share: float) -> None:
    """Report nothing."""
