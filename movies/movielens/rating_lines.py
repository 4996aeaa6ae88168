"""Parses millions of rating lines: in blocks by polars, and line by line only if that fails.

The line-by-line parser defines which lines are valid. The fast parser returns the same result or falls back to it.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from movies.movielens.errors import TEXT_LIMIT, BadLine, BadLines

# Ids are 31-bit, so that a (user, movie) pair fits into one 8-byte key.
MAX_ID = 2**31 - 1
MIN_RATING = 0.5
MAX_RATING = 5.0
# 2100-01-01: larger values are milliseconds or other mistakes.
MAX_TIMESTAMP = 4_102_444_800

FUTURE = "the timestamp is in the future"

SCHEMA = {"user": pl.Int64, "movie": pl.Int64, "rating": pl.Float64, "timestamp": pl.Int64}
# pandas writes integer columns with missing values as floats: 862.0.
_INTEGER = re.compile(r"(-?[0-9]{1,18})(?:\.0*)?")
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_FIELDS = (("user id", _INTEGER), ("movie id", _INTEGER), ("rating", _DECIMAL), ("timestamp", _INTEGER))

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def latest_timestamp() -> int:
    """The latest valid timestamp in Unix seconds: now. A future rating would stay the newest forever."""
    return int(time.time())


def parse_line(text: bytes, separator: bytes) -> tuple[int, int, float, int] | str:
    """Parses a line into (user, movie, rating, timestamp), or returns why it is malformed. Does not check ranges."""
    fields = text.split(separator)
    if len(fields) != len(_FIELDS):
        return f"expected {len(_FIELDS)} fields"
    words = [_unquoted(field, separator).decode("latin-1") for field in fields]
    for word, (name, pattern) in zip(words, _FIELDS, strict=True):
        if not pattern.fullmatch(word):
            return f"the {name} is not a number"
    user, movie, timestamp = (int(words[place].partition(".")[0]) for place in (0, 1, 3))
    return user, movie, float(words[2]), timestamp


def _unquoted(field: bytes, separator: bytes) -> bytes:
    """The CSV field without surrounding quotes."""
    quoted = separator == b"," and len(field) > 1 and field[:1] == field[-1:] == b'"'
    return field[1:-1] if quoted else field


def parse_block(block: bytes, first_line: int, separator: bytes) -> tuple[pl.DataFrame, Ints, dict[int, str]]:
    """Parses whole lines into (frame of ``SCHEMA``, line number of each row, reasons by line number if malformed).

    Skips blank lines. Does not check ranges.
    """
    frame = _parse_fast(block, separator)
    if frame is not None:
        return frame, np.arange(first_line, first_line + frame.height, dtype=np.int64), {}
    rows: list[tuple[int, int, float, int]] = []
    lines: list[int] = []
    malformed: dict[int, str] = {}
    for number, raw in enumerate(block[:-1].split(b"\n"), first_line):
        text = raw.removesuffix(b"\r")
        parsed = parse_line(text, separator) if text else None
        if isinstance(parsed, str):
            malformed[number] = parsed
        elif parsed is not None:
            rows.append(parsed)
            lines.append(number)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row"), np.array(lines, np.int64), malformed


def _parse_fast(block: bytes, separator: bytes) -> pl.DataFrame | None:
    """Parses the block by polars; None if any line might be malformed or blank."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if len(separator) > 1:  # polars supports only separators of one byte.
        if b"\t" in block:
            return None
        block, separator = block.replace(separator, b"\t"), b"\t"
    if b'"' in block:
        bare = _without_quotes(block, separator)
        if bare is None:
            return None
        block = bare
    # polars accepts more than parse_line (signs, exponents, quotes, "nan"), so blocks with these are left to it.
    if block.translate(None, b"0123456789.\n" + separator):
        return None
    frame = _read_csv(block, separator, SCHEMA)
    if frame is None and b"." in block:
        frame = _from_floats(block, separator)
    return frame


def _read_csv(block: bytes, separator: bytes, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame | None:
    """Reads the block with these types; None if any line or field does not fit."""
    try:
        frame = pl.read_csv(
            block, separator=separator.decode(), has_header=False, quote_char=None, schema=schema
        ).rechunk()
    except pl.exceptions.PolarsError:
        return None
    whole = frame.height == block.count(b"\n") and not any(column.null_count() for column in frame)
    return frame if whole else None


def _from_floats(block: bytes, separator: bytes) -> pl.DataFrame | None:
    """Reads a block whose ids and times are integers written as floats; None if any is not an integer."""
    # polars reads ".0" as a number, parse_line does not.
    if block[:1] == b"." or separator + b"." in block or b"\n." in block:
        return None
    frame = _read_csv(block, separator, dict.fromkeys(SCHEMA, pl.Float64))
    whole = pl.col("user", "movie", "timestamp")
    # Up to 2**53, floats represent all integers exactly.
    if (
        frame is None
        or not frame.select(pl.all_horizontal((whole.is_between(0, 2**53)) & (whole % 1 == 0)).all()).item()
    ):
        return None
    return frame.cast(pl.Schema(SCHEMA))


def _without_quotes(block: bytes, separator: bytes) -> bytes | None:
    """Removes the quotes of a CSV block in which every field is quoted; None if any field is not."""
    lines = block.count(b"\n")
    between = block.count(b'","')
    all_quoted = (
        separator == b","
        and block[:1] == b'"'
        and block[-2:] == b'"\n'
        and block.count(b'"\n"') == lines - 1
        and between == block.count(b",") == 3 * lines
        # Then each quote is at the start or the end of a field.
        and block.count(b'"') == 8 * lines
    )
    return block.replace(b'"', b"") if all_quoted else None


class RatingChecker:
    """Validates parsed lines: ranges, known movies, and no second rating of a movie by a user in this file.

    Memory: 8 bytes per rating, for the pairs seen so far.
    """

    def __init__(self, *, file: str, bad: BadLines, movie_ids: Iterable[int] | None = None) -> None:
        self._file = file
        self._bad = bad
        self._movies = None if movie_ids is None else IdSet(movie_ids)
        self._pairs = PairsSeen()
        self._latest = latest_timestamp()

    def check(
        self, frame: pl.DataFrame, lines: Ints, malformed: dict[int, str], block: bytes, first_line: int
    ) -> pl.DataFrame:
        """Returns the valid rows of ``frame``; other lines go to ``bad``, in the order of the file."""
        reasons = dict(malformed)
        good = np.ones(frame.height, bool)
        for reason, wrong in self._violations(frame):
            for line in lines[wrong & good].tolist():
                reasons[line] = reason
            good &= ~wrong
        users, movies = frame["user"].to_numpy()[good], frame["movie"].to_numpy()[good]
        repeated = self._pairs.add(users, movies)
        if repeated.any():
            places = np.flatnonzero(good)[repeated]
            reasons |= dict.fromkeys(lines[places].tolist(), "a second rating of the same movie by the same person")
            good[places] = False
        if not reasons:
            return frame
        self._report(reasons, block, first_line)
        return frame.filter(pl.Series(good))

    def _violations(self, frame: pl.DataFrame) -> Iterator[tuple[str, Mask]]:
        users, movies = frame["user"].to_numpy(), frame["movie"].to_numpy()
        values, times = frame["rating"].to_numpy(), frame["timestamp"].to_numpy()
        yield "the user id is out of range", (users < 1) | (users > MAX_ID)
        yield "the movie id is out of range", (movies < 1) | (movies > MAX_ID)
        # Negated, so that it is also true for NaN.
        yield (
            f"the rating is not within {MIN_RATING} to {MAX_RATING}",
            ~((values >= MIN_RATING) & (values <= MAX_RATING)),
        )
        yield "the timestamp is out of range", (times < 0) | (times >= MAX_TIMESTAMP)
        yield FUTURE, times > self._latest
        if self._movies is not None:
            yield "the movie is unknown", ~self._movies.contains(movies)

    def _report(self, reasons: dict[int, str], block: bytes, first_line: int) -> None:
        texts = block[:-1].split(b"\n")
        for line in sorted(reasons):
            text = texts[line - first_line][: 4 * TEXT_LIMIT].decode("utf-8", "backslashreplace").removesuffix("\r")
            self._bad.add(BadLine(self._file, line, reasons[line], text))


class PairsSeen:
    """The (user, movie) pairs of a file so far, as sorted runs of 8-byte keys.

    Runs with disjoint ranges are not merged: in a file sorted by user, a block costs only its own sort.
    """

    def __init__(self) -> None:
        self._runs: list[Ints] = []

    def add(self, users: Ints, movies: Ints) -> Mask:
        """Adds pairs of 31-bit ids. Returns a mask of shape (pairs,), True for pairs that were added before."""
        keys = (users << 32) | movies
        if not keys.size:
            return np.zeros(0, bool)
        repeated = np.zeros(keys.size, bool)
        if (keys[1:] > keys[:-1]).all():
            ordered = keys
        else:
            order = np.argsort(keys, kind="stable")
            ordered = keys[order]
            repeated[order[1:]] = ordered[1:] == ordered[:-1]
        low, high = ordered[0], ordered[-1]
        for run in self._runs:
            if run[0] <= high and run[-1] >= low:
                repeated |= _contains(run, keys)
        self._keep(np.sort(keys[~repeated]) if repeated.any() else ordered)
        return repeated

    def _keep(self, run: Ints) -> None:
        """Adds a run; merges overlapping runs of similar size, so that few runs have to be searched."""
        if not run.size:
            return
        while self._runs and self._runs[-1].size < 2 * run.size:
            last = self._runs[-1]
            if last[-1] < run[0] or run[-1] < last[0]:
                break
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


class IdSet:
    """A fixed set of positive ids: a table of flags if the ids are small, as movie ids are, else a sorted array."""

    _TABLE_LIMIT = 1 << 24

    def __init__(self, ids: Iterable[int]) -> None:
        self._ordered = np.unique(np.fromiter(ids, np.int64))
        self._flags: Mask | None = None
        if self._ordered.size and self._ordered[0] >= 0 and self._ordered[-1] < self._TABLE_LIMIT:
            self._flags = np.zeros(int(self._ordered[-1]) + 2, bool)
            self._flags[self._ordered] = True

    def contains(self, values: Ints) -> Mask:
        """A mask of shape (values,), True for values in the set."""
        if self._flags is None:
            return _contains(self._ordered, values)
        # The last flag is never set; values out of range are mapped to it.
        last = self._flags.size - 1
        return self._flags[np.where((values >= 0) & (values < last), values, last)]


def _contains(ordered: Ints, values: Ints) -> Mask:
    """A mask of shape (values,), True for values in the sorted array ``ordered``."""
    if not ordered.size:
        return np.zeros(values.size, bool)
    places = np.searchsorted(ordered, values)
    places[places == ordered.size] = 0
    return ordered[places] == values
