"""Copies NumPy arrays to and from tables by binary COPY, in blocks and without a Python object per value."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray

# The header of binary COPY: the signature, the flags and the length of an empty extension.
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
# Bytes passed to the driver at a time.
_CHUNK_BYTES = 1 << 18
# Below the largest number of half precision, 65504.
HALF_LIMIT = 60_000.0
_OID = {">i4": 23, ">f4": 700}
# PostgreSQL counts microseconds since this time.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_SECONDS = int(_EPOCH.timestamp())


def int8_column(values: NDArray) -> NDArray:
    """A bigint column of shape (rows,), encoded with its length."""
    column = np.empty(len(values), [("length", ">i4"), ("value", ">i8")])
    column["length"], column["value"] = 8, values
    return column


def array_column(values: NDArray, element: str) -> NDArray:
    """An int[] (">i4") or real[] (">f4") column from an array of shape (rows, n), n of 1 or more."""
    rows, n = values.shape
    head = [(name, ">i4") for name in ("length", "dimensions", "has_null", "oid", "n", "first")]
    column = np.empty(rows, [*head, ("items", [("length", ">i4"), ("value", element)], (n,))])
    column["length"] = 20 + 8 * n
    column["dimensions"], column["has_null"], column["oid"] = 1, 0, _OID[element]
    column["n"], column["first"] = n, 1
    column["items"]["length"], column["items"]["value"] = 4, values
    return column


def vector_column(values: NDArray) -> NDArray:
    """A pgvector column from an array of shape (rows, dimensions)."""
    rows, n = values.shape
    column = np.empty(rows, [("length", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f4", (n,))])
    column["length"], column["dimensions"], column["unused"], column["values"] = 4 + 4 * n, n, 0, values
    return column


def half_vector_column(values: NDArray) -> NDArray:
    """A column of pgvector's halfvec from an array of shape (rows, dimensions), clipped to HALF_LIMIT."""
    rows, n = values.shape
    column = np.empty(rows, [("length", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f2", (n,))])
    column["length"], column["dimensions"], column["unused"] = 4 + 2 * n, n, 0
    column["values"] = np.clip(values, -HALF_LIMIT, HALF_LIMIT)
    return column


def null_column(rows: int) -> NDArray:
    """A column of nulls, of any type."""
    return np.full(rows, -1, [("length", ">i4")])


def text_column(text: str, rows: int) -> NDArray:
    """A text column with the same value in every row."""
    data = text.encode()
    column = np.empty(rows, [("length", ">i4"), ("value", f"S{len(data)}")])
    column["length"], column["value"] = len(data), data
    return column


def timestamp_column(moment: datetime, rows: int) -> NDArray:
    """A timestamptz column with the same value in every row."""
    return int8_column(np.full(rows, (moment - _EPOCH) // timedelta(microseconds=1)))


def timestamps_from_unix(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unix seconds as the numbers that PostgreSQL stores for a timestamptz."""
    return (seconds - _EPOCH_SECONDS) * 1_000_000


def encode_rows(columns: list[NDArray]) -> bytes:
    """Rows of binary COPY from encoded columns of one length."""
    fields = [("fields", ">i2"), *((f"column{i}", column.dtype) for i, column in enumerate(columns))]
    rows = np.empty(len(columns[0]), fields)
    rows["fields"] = len(columns)
    for i, column in enumerate(columns):
        rows[f"column{i}"] = column
    return rows.tobytes()


def row_type(**columns: str) -> np.dtype[np.void]:
    """The dtype of a row of fixed-width, non-null columns: the number of fields, then each length with its field."""
    fields = [field for name, kind in columns.items() for field in ((f"{name}_length", ">i4"), (name, kind))]
    return np.dtype([("fields", ">i2"), *fields])


def pack_rows(row: np.dtype[np.void], **columns: NDArray) -> NDArray[np.void]:
    """Packs columns of shape (rows,) into rows of a ``row_type``. The result can be masked and sliced."""
    rows = np.empty(len(next(iter(columns.values()))), row)
    rows["fields"] = len(columns)
    for name, values in columns.items():
        rows[f"{name}_length"], rows[name] = row[name].itemsize, values
    return rows


@contextmanager
def staging_table(name: str, columns: str) -> Iterator[None]:
    """A temporary table inside the current transaction, dropped at the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")
        yield
        cursor.execute(f"DROP TABLE {name}")


def copy_in(table: str, columns: str, blocks: Iterable[bytes | memoryview]) -> None:
    """Copies blocks of encoded rows into a table."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEADER)
        for block in blocks:
            copy.write(block)
        copy.write(_TRAILER)


def copy_rows_in(table: str, columns: str, rows: NDArray[np.void]) -> None:
    """Copies packed rows into a table."""
    data = memoryview(np.ascontiguousarray(rows).view(np.uint8).data)
    copy_in(table, columns, (data[start : start + _CHUNK_BYTES] for start in range(0, len(data), _CHUNK_BYTES)))


def copy_rows_out(query: str, row: np.dtype[np.void], *, rows_per_block: int) -> Generator[NDArray[np.void]]:
    """Yields the rows of a query, whose columns match ``row``, in blocks; the last may be empty.

    Close it where reading may stop early (``contextlib.closing``): until then the connection waits for the copy, and
    any other query on it hangs, one that handles the error among them. Raises ValueError if the copy ends early.
    """
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        buffer = bytearray()
        begun = False
        for data in copy:
            buffer += data
            if not begun and len(buffer) >= len(_HEADER):
                del buffer[: len(_HEADER)]
                begun = True
            if len(buffer) >= rows_per_block * row.itemsize:
                complete = len(buffer) // row.itemsize * row.itemsize
                yield np.frombuffer(bytes(buffer[:complete]), row)
                del buffer[:complete]
        if not buffer.endswith(_TRAILER):
            raise ValueError("The rows could not be read: the copy ended early.")
        yield np.frombuffer(bytes(buffer[: -len(_TRAILER)]), row)
