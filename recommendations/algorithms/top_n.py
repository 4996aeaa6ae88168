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
    chosen = np.argpartition(scores, scores.shape[1] - n, axis=1)[:, -n:]
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


def top_n_of_two(
    first: NDArray[np.float32], second: NDArray[np.float32], n: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """``top_n`` of both side by side, without partitioning the second, of which few entries are among the best.

    Positions of the second begin at the number of columns of the first. Both are of shape (rows, n) or narrower.
    """
    if not second.shape[1]:
        return top_n(first, n)
    positions, values = top_n(first, n)
    # With fewer than n in the first, anything of the second may be chosen.
    least = values[:, -1] if values.shape[1] == n else np.full(len(first), -np.inf, np.float32)
    rows, columns = np.nonzero(second > least[:, None])
    scores = second[rows, columns]
    order = np.lexsort((columns, -scores, rows))
    rows, columns, scores = rows[order], columns[order], scores[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = place < n
    width = int(place[kept].max(initial=-1)) + 1
    more = np.full((len(first), width), -np.inf, np.float32)
    more_positions = np.full(more.shape, -1, np.int32)
    more[rows[kept], place[kept]] = scores[kept]
    more_positions[rows[kept], place[kept]] = columns[kept] + first.shape[1]
    both, both_positions = np.hstack([values, more]), np.hstack([positions, more_positions])
    # Sorted by score; equal ones by position, as the first's come first and each part is in that order.
    best = np.argsort(-both, axis=1, kind="stable")[:, :n]
    return np.take_along_axis(both_positions, best, axis=1), np.take_along_axis(both, best, axis=1)
