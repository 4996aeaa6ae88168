"""Tables of recommendations as CSV or Parquet, written in blocks: whole or not at all, and memory stays bounded."""

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
# A spreadsheet takes a cell that begins so for a formula; a number may begin with a sign.
_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class ExportError(ValueError):
    """There is nothing to export, or nowhere to; the message is meant for the person who asked."""


def check_target(path: Path) -> None:
    """Raises ExportError unless a table can be written to ``path``; an existing file may be replaced."""
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
    """Rows of HEADER from lists of some people.

    users: whose lists, shape (people,). items: positions in ``names``, shape (people, n), best first; negative is left
    out, and what follows moves up. limit: so many of each list.
    """
    kept = items >= 0
    rank = np.cumsum(kept, axis=1)
    kept &= rank <= limit
    rows, _ = np.nonzero(kept)
    columns = (users[rows], names[items[kept]], rank[kept].astype(np.int32), scores[kept].astype(np.float32))
    return pl.DataFrame([pl.Series(name, column) for name, column in zip(HEADER, columns, strict=True)])


def table_write(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    """Write frames of HEADER's columns, of one type each, in their order; returns the number of rows.

    A file that stands at ``path`` is replaced once the new one is whole. Raises OSError; and whatever ``frames`` does.
    """
    write = _write_csv if path.suffix.lower() == ".csv" else _write_parquet
    with _replaced(path) as temporary:
        return write(temporary, frames)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A path beside ``path`` that takes its place when the block ends well, and is removed when it does not."""
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
    """Ids that a spreadsheet would take for a formula get an apostrophe before them."""
    texts = [name for name in HEADER[:2] if frame.schema[name] == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA) & ~pl.col(name).str.contains(f"^(?:{_NUMBER.pattern})$"))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )


def _write_parquet(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    """Each frame becomes a file first, and the files one: Parquet's end says where every part of it stands."""
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


# Called with how much of the export is done, 0 to 1.
OnShare = Callable[[float], None]


def silent(share: float) -> None:
    """Shows nothing."""
