"""Reads files of events (CSV, JSON Lines, Parquet) in blocks of texts, in bounded memory. No database."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PanicException, PolarsError

from events.imports.events_columns import COLUMNS, FORMATS, SUFFIXES, unescape_formulas
from movies.movielens.errors import ArchiveError, BadLine

# A block locks its people for as long as it takes to store it, so that a sign-in may wait for a second.
BLOCK_ROWS = 20_000
# Longer lines are cut; a cut line has a cell that is too long, and so is refused.
_LINE_LIMIT = 1 << 16
_PIECE = 1 << 20
_SCHEMA = dict.fromkeys(COLUMNS, pl.String)
_DELIMITERS = (",", ";", "\t")
_SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip or a spreadsheet",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    codecs.BOM_UTF16_LE: "UTF-16; save it as UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16; save it as UTF-8",
}


@dataclass(frozen=True)
class Block:
    """Some lines of a file. ``frame`` has all COLUMNS as texts: null where a line has none, "" for an empty cell.

    lines: the line of each row, counted from 1 (rows in Parquet), shape (rows,). bad: lines that are no rows at all.
    done: how many bytes (rows in Parquet) of the file were read so far.
    """

    frame: pl.DataFrame
    lines: NDArray[np.int64]
    bad: list[BadLine] = field(default_factory=list)
    done: int = 0


@dataclass(frozen=True)
class EventFile:
    """A file whose kind and columns were checked. ``size`` is in the unit of ``Block.done``."""

    path: Path
    form: str
    size: int
    encoding: str = "utf-8"
    delimiter: str = ","

    def blocks(self) -> Iterator[Block]:
        """The lines of the file in order. Raises ArchiveError where the rest of it cannot be read."""
        read = {"csv": _csv_blocks, "jsonl": _jsonl_blocks, "parquet": _parquet_blocks}[self.form]
        try:
            yield from read(self)
        except (OSError, PolarsError, PanicException) as error:  # It panics where a file is damaged.
            raise ArchiveError(f"{self.path} cannot be read to its end: {_first_line(error)}") from error


def open_events(path: Path, form: str | None = None) -> EventFile:
    """Checks what kind of file it is, by its beginning and its columns. ``form`` is one of FORMATS.

    Raises ArchiveError for a missing or empty file, one of another kind, and for unknown columns.
    """
    form = form or SUFFIXES.get(path.suffix.lower())
    if form not in FORMATS:
        raise ArchiveError(f"{path} must end in .csv, .jsonl or .parquet; --format names the format of another name.")
    try:
        with path.open("rb") as stream:
            head = stream.read(_LINE_LIMIT)
        if not head:
            raise ArchiveError(f"{path} is empty.")
        size = path.stat().st_size
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error
    if form == "parquet":
        return _open_parquet(path, head)
    _check_text(path, head)
    if form == "jsonl":
        if not head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
            raise ArchiveError(f"{path} is not JSON Lines: each line must be an object.")
        return EventFile(path, form, size)
    encoding = _encoding(path)
    return EventFile(path, form, size, encoding, _delimiter(path, encoding))


def _check_text(path: Path, head: bytes) -> None:
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            raise ArchiveError(f"{path} is {name}, not a text file of events.")
    if b"\0" in head:
        raise ArchiveError(f"{path} is a binary file, not a text file of events.")


def _encoding(path: Path) -> str:
    """UTF-8 if the whole file is, else Windows' cp1252, which older spreadsheets write."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter with which the first line names columns."""
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        first = stream.readline(_LINE_LIMIT)
    for delimiter in _DELIMITERS:
        names = _header(first, delimiter)
        if len(set(names) & set(COLUMNS)) >= 2:
            _check_columns(path, names)
            return delimiter
    raise ArchiveError(f"{path}: the first line does not name columns of events ({', '.join(COLUMNS)}).")


def _header(line: str, delimiter: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]


def _check_columns(path: Path, names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise ArchiveError(f"{path} has unknown columns: {', '.join(map(repr, unknown))}. Known: {', '.join(COLUMNS)}.")
    if len(set(names)) < len(names):
        raise ArchiveError(f"{path} names a column twice.")
    if "kind" not in names or "occurred_at" not in names:
        raise ArchiveError(f"{path} must have the columns kind and occurred_at.")


def _csv_blocks(file: EventFile) -> Iterator[Block]:
    with file.path.open("rb") as binary:
        text = io.TextIOWrapper(binary, encoding=file.encoding, errors="replace", newline="")
        reader = csv.reader(_bounded(text), delimiter=file.delimiter)
        names = _header(file.delimiter.join(next(reader)), file.delimiter)
        rows: list[list[str]] = []
        lines: list[int] = []
        bad: list[BadLine] = []
        start = reader.line_num + 1
        while True:
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:
                bad.append(BadLine(file.path.name, start, "the line is not CSV", ""))
                row = []
            if len(row) == len(names):
                rows.append(row)
                lines.append(start)
            elif row:
                bad.append(BadLine(file.path.name, start, "wrong number of fields", file.delimiter.join(row)))
            start = reader.line_num + 1
            if len(rows) + len(bad) >= BLOCK_ROWS:
                yield _csv_block(names, rows, lines, bad, binary.tell())
                rows, lines, bad = [], [], []
        if rows or bad:
            yield _csv_block(names, rows, lines, bad, file.size)


def _csv_block(names: list[str], rows: list[list[str]], lines: list[int], bad: list[BadLine], done: int) -> Block:
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    columns = dict(zip(names, values, strict=True))
    frame = pl.DataFrame({name: list(column) for name, column in columns.items()}, dict.fromkeys(names, pl.String))
    return Block(_complete(unescape_formulas(frame)), np.array(lines, np.int64), bad, done)


def _bounded(text: IO[str]) -> Iterator[str]:
    """The lines of the file, each cut after _LINE_LIMIT characters."""
    while line := text.readline(_LINE_LIMIT):
        if len(line) == _LINE_LIMIT and not line.endswith("\n"):
            while (rest := text.readline(_LINE_LIMIT)) and not rest.endswith("\n"):
                pass
            line += "\n"
        yield line


def _jsonl_blocks(file: EventFile) -> Iterator[Block]:
    with file.path.open("rb") as stream:
        stream.seek(len(codecs.BOM_UTF8) if stream.read(3) == codecs.BOM_UTF8 else 0)
        rows: list[dict[str, str | None]] = []
        lines: list[int] = []
        bad: list[BadLine] = []
        for number, line in enumerate(_bounded_bytes(stream), 1):
            if not line.strip():
                continue
            try:
                rows.append(_json_row(line))
                lines.append(number)
            except ValueError as error:
                shown = line.decode("utf-8", "replace").strip()
                bad.append(BadLine(file.path.name, number, str(error), shown))
            if len(rows) + len(bad) >= BLOCK_ROWS:
                yield Block(pl.DataFrame(rows, _SCHEMA), np.array(lines, np.int64), bad, stream.tell())
                rows, lines, bad = [], [], []
        if rows or bad:
            yield Block(pl.DataFrame(rows, _SCHEMA), np.array(lines, np.int64), bad, file.size)


def _bounded_bytes(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(_LINE_LIMIT):
        if len(line) == _LINE_LIMIT and not line.endswith(b"\n"):
            while (rest := stream.readline(_LINE_LIMIT)) and not rest.endswith(b"\n"):
                pass
        yield line


def _json_row(line: bytes) -> dict[str, str | None]:
    """The object as texts. Raises ValueError with the reason."""
    try:
        row: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError("the line is not JSON") from error
    if not isinstance(row, dict):
        raise ValueError("the line is not an object")
    if not row.keys() <= _SCHEMA.keys():
        raise ValueError("an unknown field")
    return {name: _json_text(value) for name, value in row.items()}


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise ValueError("a field is a list or an object")


def _open_parquet(path: Path, head: bytes) -> EventFile:
    if not head.startswith(b"PAR1"):
        raise ArchiveError(f"{path} is not a Parquet file.")
    try:
        scan = pl.scan_parquet(path)
        schema = scan.collect_schema()
        rows = int(scan.select(pl.len()).collect().item())
    except (PolarsError, PanicException, OSError) as error:
        raise ArchiveError(f"{path} is not a complete Parquet file: {_first_line(error)}") from error
    _check_columns(path, [name.lower() for name in schema.names()])
    for name, kind in schema.items():
        if kind.is_nested() or kind == pl.Binary:
            raise ArchiveError(f"{path}: the column {name} is of the type {kind}, which no event has.")
    if not rows:
        raise ArchiveError(f"{path} has no rows.")
    return EventFile(path, "parquet", rows)


def _parquet_blocks(file: EventFile) -> Iterator[Block]:
    done = 0
    for batch in pl.scan_parquet(file.path).collect_batches(chunk_size=BLOCK_ROWS, maintain_order=True):
        # A batch may be larger than asked for.
        for frame in batch.iter_slices(BLOCK_ROWS):
            lines = np.arange(done + 1, done + frame.height + 1)
            done += frame.height
            yield Block(
                _complete(frame.select(_as_text(name, kind) for name, kind in frame.schema.items())), lines, [], done
            )


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            column = column.dt.convert_time_zone("UTC")
        text = column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    elif kind == pl.Boolean:
        text = pl.when(column).then(pl.lit("true")).when(~column).then(pl.lit("false"))
    elif kind == pl.Null:
        text = pl.lit(None, pl.String)
    else:
        text = column.cast(pl.String)
    return text.alias(name.lower())


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """All COLUMNS in their order; those that the file does not have are null."""
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, pl.String).alias(name) for name in COLUMNS
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
