"""The n best of many scores, with deterministic ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def top_n(scores: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Positions and scores of each row's ``n`` highest scores, best first, both of shape (rows, min(n, columns)).

    Equal scores keep the order of their positions. Entries of -inf are never chosen: if a row has fewer than ``n``
    others, its remaining positions are -1 and its remaining scores -inf.
    Raises ValueError when ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"The length of a list must be 1 or more, not {n}.")
    n = min(n, scores.shape[1])
    if n == 0:
        return np.empty((len(scores), 0), np.int32), np.empty((len(scores), 0), np.float32)
    chosen = np.argpartition(-scores, n - 1, axis=1)[:, :n]
    values = np.take_along_axis(scores, chosen, axis=1)
    # argpartition picks arbitrary scores among those that tie at the boundary: choose in those rows again, by position.
    boundary = values.min(axis=1, keepdims=True)
    tied = np.flatnonzero((scores >= boundary).sum(axis=1) > n)
    for row in tied:
        above = np.flatnonzero(scores[row] > boundary[row])
        equal = np.flatnonzero(scores[row] == boundary[row])[: n - len(above)]
        chosen[row] = np.concatenate([above, equal])
        values[row] = scores[row, chosen[row]]
    order = np.lexsort((chosen, -values), axis=1)
    positions = np.take_along_axis(chosen, order, axis=1).astype(np.int32)
    values = np.take_along_axis(values, order, axis=1)
    positions[np.isneginf(values)] = -1
    return positions, values
