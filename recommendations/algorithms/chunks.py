"""Statistics of long columns, read in parts: the columns may be mapped from a file, and temporaries stay small."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.column_files import row_blocks
from recommendations.algorithms.interactions import Interactions


def rows_where(rows: int, chosen: Callable[[slice], NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Positions of the rows that ``chosen`` selects: it is called with each part and returns a mask of its rows."""
    found = [part.start + np.flatnonzero(chosen(part)) for part in row_blocks(rows)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def counts_by_user(interactions: Interactions, *, liked: bool = False) -> NDArray[np.int64]:
    """The number of each person's interactions, or of those with a positive weight: int64 (U,)."""
    return _counts(interactions, interactions.users, len(interactions.user_ids), liked)


def likes_by_item(interactions: Interactions) -> NDArray[np.int64]:
    """The number of each item's interactions with a positive weight: int64 (I,)."""
    return _counts(interactions, interactions.items, len(interactions.item_ids), True)


def _counts(interactions: Interactions, column: NDArray[np.int32], size: int, liked: bool) -> NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    for part in row_blocks(len(interactions)):
        values = column[part]
        counts += np.bincount(values[interactions.weights[part] > 0] if liked else values, minlength=size)
    return counts
