"""Writes tables of events as CSV, JSON Lines or Parquet: completely or not at all, in bounded memory. No database."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from events.imports.events_columns import FORMATS, SUFFIXES, escape_formulas

_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"
_ROW_GROUP = 1 << 18


class ExportError(ValueError):
    """The target cannot be written, or a filter names nothing; the message is for the user."""


def check_target(path: Path, form: str | None) -> str:
    """The format to write; an existing file may be replaced. Raises ExportError if nothing can be written there."""
    form = form or SUFFIXES.get(path.suffix.lower())
    if form not in FORMATS:
        raise ExportError(f"{path} must end in .csv, .jsonl or .parquet; --format names the format of another name.")
    if path.is_dir():
        raise ExportError(f"{path} is a folder.")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise ExportError(f"There is no folder {parent} to write {path.name} in.")
    if not os.access(parent, os.W_OK):
        raise ExportError(f"{parent} cannot be written to.")
    return form


def frames_write(path: Path, form: str, frames: Iterable[pl.DataFrame], schema: pl.Schema) -> int:
    """Writes frames of ``schema``; returns the number of rows. Only the owner may read the file.

    An existing file is replaced once the new one is complete. Raises OSError, and what iterating ``frames`` raises.
    """
    write = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}[form]
    with _replaced(path) as temporary:
        return write(temporary, frames, schema)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A temporary path that replaces ``path`` if the block succeeds, and is removed if it fails."""
    path = path.resolve()
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    temporary = folder / path.name
    try:
        temporary.touch(mode=0o600)
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_csv(path: Path, frames: Iterable[pl.DataFrame], schema: pl.Schema) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(",".join(schema.names()) + "\n")
        for frame in frames:
            stream.write(escape_formulas(frame).write_csv(include_header=False, datetime_format=_TIME))
            rows += frame.height
    return rows


def _write_jsonl(path: Path, frames: Iterable[pl.DataFrame], schema: pl.Schema) -> int:
    rows = 0
    times = [name for name, kind in schema.items() if kind == pl.Datetime]
    with path.open("w", encoding="utf-8", newline="") as stream:
        for frame in frames:
            stream.write(frame.with_columns(pl.col(times).dt.strftime(_TIME)).write_ndjson())
            rows += frame.height
    return rows


def _write_parquet(path: Path, frames: Iterable[pl.DataFrame], schema: pl.Schema) -> int:
    """Writes each frame to a file, then merges the files: a Parquet footer lists the offsets of all parts."""
    parts: list[Path] = []
    rows = 0
    for frame in frames:
        part = path.with_name(f"{len(parts):06}.part")
        frame.write_parquet(part)
        parts.append(part)
        rows += frame.height
    if not parts:
        pl.DataFrame(schema=schema).write_parquet(path)
        return 0
    pl.scan_parquet(parts).sink_parquet(path, maintain_order=True, row_group_size=_ROW_GROUP)
    return rows
