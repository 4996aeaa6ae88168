"""Small sparse routines that the ranking models share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# Added to counts, so that negative powers of 0 stay finite.
POPULARITY_SMOOTHING = 0.1


def row_counts(matrix: csr_array) -> NDArray[np.float64]:
    """Entries of each row, at least 1, shape (rows,)."""
    return np.maximum(np.diff(matrix.indptr), 1).astype(np.float64)


def column_counts(matrix: csr_array) -> NDArray[np.float64]:
    """Entries of each column, shape (columns,)."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)


def binarised(matrix: csr_array) -> csr_array:
    """The same entries, each 1, float32."""
    return csr_array((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def scale_rows(matrix: csr_array, factors: NDArray[np.floating]) -> csr_array:
    """Each row times its factor, float32."""
    data = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    return csr_array((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def scale_columns(matrix: csr_array, factors: NDArray[np.floating]) -> csr_array:
    """Each column times its factor, float32."""
    data = matrix.data * factors[matrix.indices]
    return csr_array((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def most_liked(counts: NDArray[np.number], most: int) -> NDArray[np.int64]:
    """Positions of the ``most`` items with the most likes, ascending; of equally liked ones the first."""
    return np.sort(np.argsort(-counts, kind="stable")[:most])


def places_of(items: NDArray[np.int64], width: int) -> NDArray[np.int32]:
    """The place of each of ``width`` items in ``items``, int32; -1 for an item that is not among them."""
    places = np.full(width, -1, np.int32)
    places[items] = np.arange(len(items), dtype=np.int32)
    return places


def csr_of_kept(
    kept: NDArray[np.bool_],
    data: NDArray[np.float32],
    indices: NDArray[np.int32],
    indptr: NDArray[np.integer],
    width: int,
) -> csr_array:
    """The matrix (rows, width) of the entries that ``kept`` marks; the arguments after it are a csr matrix's arrays."""
    ends = np.concatenate([[0], np.cumsum(kept)])[indptr]
    return csr_array((data[kept], indices[kept], ends.astype(np.int32)), shape=(len(indptr) - 1, width))
