"""Reads vectors from PostgreSQL in binary form.

NumPy decodes it directly; parsing the text form took longer than the search.
"""

import numpy as np
from django.db.models import BinaryField, F, Func
from numpy.typing import NDArray

Vector = NDArray[np.float32]
# pgvector's binary form: two bytes for the dimensions, two unused, then big-endian values.
_HEADER_BYTES = 4


def binary_column(column: str) -> Func:
    """The vector of this column in binary form, for ``values_list``; None where the column is null."""
    return Func(F(column), function="vector_send", output_field=BinaryField())


def binary_half_column(column: str) -> Func:
    """The same for a column of half precision."""
    return Func(F(column), function="halfvec_send", output_field=BinaryField())


def parse_half_vector(data: bytes | memoryview) -> Vector:
    """The vector of a ``binary_half_column``, float32, as long as the column is wide."""
    return np.frombuffer(data, ">f2", offset=_HEADER_BYTES).astype(np.float32)


def parse_vector(data: bytes | memoryview) -> Vector:
    """The vector of a ``binary_column``, float32, as long as the column is wide."""
    return np.frombuffer(data, ">f4", offset=_HEADER_BYTES).astype(np.float32)
