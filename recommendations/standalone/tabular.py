"""Files of tab-separated ``user item [rating [timestamp]]``, parsed in blocks by polars, line by line where that fails.

The line-by-line parser defines what is valid. The fast parser must return the same result, or None to fall back to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from movies.movielens.errors import ArchiveError, BadLine, BadLineError
from movies.movielens.files import Source
from movies.movielens.rating_lines import MAX_RATING, MIN_RATING, latest_timestamp

COLUMNS = ("user", "item", "rating", "timestamp")
_USER_NAMES = {"user", "user_id", "userid", "person"}
_ITEM_NAMES = {"item", "item_id", "itemid", "movie", "movie_id", "movieid"}
_NUMBER = re.compile(r"(?:[0-9]{1,18}\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
MAX_ID_LENGTH = 200


@dataclass(frozen=True, slots=True)
class TabularRows:
    """Columns of shape (n,), in the file's order; ids are text, unchanged.

    ratings is None if the file has none, and never holds NaN; timestamps are unix seconds, 0 if the file has none.
    """

    users: pl.Series
    items: pl.Series
    ratings: NDArray[np.float32] | None
    timestamps: NDArray[np.int64]


def read_tabular(source: Source, name: str) -> TabularRows:
    """Read one file of ``source``. Skips blank lines and a header.

    Raises BadLineError with file, line and reason for the first malformed line, and ArchiveError for an empty file.
    """
    frames: list[pl.DataFrame] = []
    width = 0
    for first, block in source.blocks(name):
        lines, start = block, first
        if not width:
            lines, start, width = _after_header(block, first)
        if lines.strip():
            fast = _parse_fast(lines, width)
            frames.append(_parse_slowly(lines, start, width, name) if fast is None else fast)
    if not frames:
        raise ArchiveError(f"{name} holds no lines of feedback.")
    frame = pl.concat(frames)
    ratings = frame["rating"].to_numpy().astype(np.float32) if "rating" in frame.columns else None
    timestamps = frame["timestamp"].to_numpy() if "timestamp" in frame.columns else np.zeros(frame.height, np.int64)
    return TabularRows(frame["user"], frame["item"], ratings, timestamps.astype(np.int64))


def _after_header(block: bytes, first: int) -> tuple[bytes, int, int]:
    """The block without its header, the number of its first line, and the columns of that line; 0 if all are blank."""
    for offset, raw in enumerate(block[:-1].split(b"\n")):
        fields = raw.removesuffix(b"\r").split(b"\t")
        if fields == [b""]:
            continue
        # RecBole writes user_id:token.
        names = [field.decode("utf-8", "replace").partition(":")[0].strip().lower() for field in fields[:2]]
        if len(names) == 2 and names[0] in _USER_NAMES and names[1] in _ITEM_NAMES:
            rest = block.split(b"\n", offset + 1)[offset + 1]
            return rest, first + offset + 1, len(fields)
        return block, first, len(fields)
    return block, first, 0


def _range(name: str) -> tuple[float, float]:
    """The valid range of a number. No time may be in the future: ages are counted from the newest time."""
    return (MIN_RATING, MAX_RATING) if name == "rating" else (0, latest_timestamp())


def _schema(width: int) -> pl.Schema:
    types = {"user": pl.String(), "item": pl.String(), "rating": pl.Float64(), "timestamp": pl.Int64()}
    return pl.Schema({name: types[name] for name in COLUMNS[:width]})


def _parse_fast(block: bytes, width: int) -> pl.DataFrame | None:
    """Parse the block with polars; None if any line might be malformed or blank."""
    block = block.replace(b"\r\n", b"\n")
    # A NUL, a lone carriage return, and every row that the line parser might reject need the slow parser.
    if not 2 <= width <= len(COLUMNS) or b"\0" in block or b"\r" in block:
        return None
    texts = pl.Schema(dict.fromkeys(COLUMNS[:width], pl.String()))
    try:
        frame = pl.read_csv(block, separator="\t", has_header=False, quote_char=None, schema=texts)
        if (
            frame.height != block.count(b"\n")
            or frame.select(pl.any_horizontal(_suspect_rows(width)).any()).item() is not False
        ):
            return None
        numbers = [pl.col(name).cast(pl.Float64) for name in COLUMNS[2:width]]
        return frame.with_columns(numbers).cast(_schema(width)).rechunk()
    except pl.exceptions.PolarsError:
        return None


def _suspect_rows(width: int) -> Iterator[pl.Expr]:
    """Expressions that are true or null for a row that the line parser might reject."""
    for name in COLUMNS[:2]:
        text = pl.col(name)
        yield text.is_null() | text.str.contains(r"^\s*$") | (text.str.len_chars() > MAX_ID_LENGTH)
    for name in COLUMNS[2:width]:
        number = pl.col(name).cast(pl.Float64, strict=False)
        fits = pl.col(name).str.contains(f"^(?:{_NUMBER.pattern})$") & number.is_between(*_range(name))
        yield ~fits.fill_null(False)


def _parse_slowly(block: bytes, first: int, width: int, file: str) -> pl.DataFrame:
    rows = []
    for number, raw in enumerate(block[:-1].split(b"\n"), first):
        line = raw.removesuffix(b"\r")
        if not line:
            continue
        parsed = parse_line(line, width)
        if isinstance(parsed, str):
            raise BadLineError(BadLine(file, number, parsed, line[:500].decode("utf-8", "backslashreplace")))
        rows.append(parsed)
    return pl.DataFrame(rows, schema=_schema(width), orient="row")


def parse_line(line: bytes, width: int) -> tuple[str | float | int, ...] | str:
    """Parse a line of ``width`` fields, as in the first line; returns the fields, or why the line is malformed."""
    if not 2 <= width <= len(COLUMNS):
        return "expected user, item and perhaps rating and timestamp, separated by tabs"
    try:
        fields = line.decode("utf-8").split("\t")
    except UnicodeDecodeError:
        return "the line is not UTF-8 text"
    if len(fields) != width:
        return f"expected {width} fields separated by tabs, as in the first line"
    for name, text in zip(("user", "item"), fields, strict=False):
        if not text.strip() or "\0" in text or "\r" in text:
            return f"the {name} is empty or no text"
        if len(text) > MAX_ID_LENGTH:
            return f"the {name} is longer than {MAX_ID_LENGTH} characters"
    return _with_numbers(fields)


def _with_numbers(fields: list[str]) -> tuple[str | float | int, ...] | str:
    values: list[str | float | int] = [*fields[:2]]
    for name, text in zip(COLUMNS[2:], fields[2:], strict=False):
        if not _NUMBER.fullmatch(text):
            return f"the {name} is not a number"
        value = float(text)
        low, high = _range(name)
        if not low <= value <= high:
            return f"the {name} is not within {low} to {high}"
        values.append(value if name == "rating" else int(value))
    return tuple(values)
