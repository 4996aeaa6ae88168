"""Rows of arrays into a table and out again."""

from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import connection

from movies.db.binary_copy import copy_rows_in, copy_rows_out, pack_rows, row_type, staging_table, timestamps_from_unix

pytestmark = pytest.mark.django_db

ROW = row_type(number=">i8", small=">i2", value=">f8", moment=">i8")
COLUMNS = "number, small, value, moment"


def packed(rows):
    numbers = np.arange(rows)
    return pack_rows(ROW, number=numbers, small=numbers % 7, value=numbers / 4, moment=timestamps_from_unix(numbers))


@pytest.fixture
def _table():
    with staging_table("copied", "number int8, small int2, value float8, moment timestamptz"):
        yield


@pytest.mark.parametrize("count", [0, 1, 20_000])
@pytest.mark.usefixtures("_table")
def test_rows_come_out_as_they_went_in(count):
    rows = packed(count)
    copy_rows_in("copied", COLUMNS, rows)

    pieces = copy_rows_out(f"SELECT {COLUMNS} FROM copied ORDER BY number", ROW, rows_per_block=3_000)

    assert b"".join(piece.tobytes() for piece in pieces) == rows.tobytes()


@pytest.mark.usefixtures("_table")
def test_some_of_the_packed_rows_can_be_sent():
    rows = packed(6)
    copy_rows_in("copied", COLUMNS, rows[rows["number"] % 2 == 1])

    with connection.cursor() as cursor:
        cursor.execute("SELECT number, value FROM copied ORDER BY number")
        assert cursor.fetchall() == [(1, 0.25), (3, 0.75), (5, 1.25)]


@pytest.mark.usefixtures("_table")
def test_unix_seconds_become_moments():
    copy_rows_in("copied", COLUMNS, packed(1))

    with connection.cursor() as cursor:
        cursor.execute("SELECT moment FROM copied")
        assert cursor.fetchone()[0].astimezone(UTC) == datetime(1970, 1, 1, tzinfo=UTC)
