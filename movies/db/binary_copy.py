"""Arrays into tables by binary COPY: built by NumPy a block at a time, with no Python object for each number."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
from django.db import connection
from numpy.typing import NDArray

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)
_OID = {">i4": 23, ">f4": 700}
# PostgreSQL counts microseconds from here.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


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


def null_column(rows: int) -> NDArray:
    """A column of nulls, of any type."""
    return np.full(rows, -1, [("length", ">i4")])


def text_column(text: str, rows: int) -> NDArray:
    """A text column that says the same in every row."""
    data = text.encode()
    column = np.empty(rows, [("length", ">i4"), ("value", f"S{len(data)}")])
    column["length"], column["value"] = len(data), data
    return column


def timestamp_column(moment: datetime, rows: int) -> NDArray:
    """A timestamptz column that says the same in every row."""
    since = moment - _EPOCH
    return int8_column(np.full(rows, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds))


def encode_rows(columns: list[NDArray]) -> bytes:
    """Rows of binary COPY from encoded columns of one length."""
    fields = [("fields", ">i2"), *((f"column{i}", column.dtype) for i, column in enumerate(columns))]
    rows = np.empty(len(columns[0]), fields)
    rows["fields"] = len(columns)
    for i, column in enumerate(columns):
        rows[f"column{i}"] = column
    return rows.tobytes()


@contextmanager
def staging_table(name: str, columns: str) -> Iterator[None]:
    """A temporary table inside the current transaction, dropped at the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")
        yield
        cursor.execute(f"DROP TABLE {name}")


def copy_in(table: str, columns: str, blocks: Iterable[bytes]) -> None:
    """Send blocks of encoded rows to a table."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEADER)
        for block in blocks:
            copy.write(block)
        copy.write(_TRAILER)
