"""Likes of interactions whose columns may be mapped from files, made block by block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recommendations.algorithms.column_files import ColumnsWriter, row_blocks
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.likes import Likes, LocalLikes

# How models get the likes of interactions.
LikesOf = Callable[[Interactions], Likes]


def local_likes(interactions: Interactions) -> LocalLikes:
    """The positive weights: the arrays of ``interactions.likes()``, mapped from files where they are long.

    Memory: 8 bytes a person, and a block of rows. Raises OSError when the disk is full.
    """
    data = interactions.sorted()
    indptr = np.zeros(len(data.user_ids) + 1, np.int64)
    writer = ColumnsWriter({"data": np.float32, "indices": np.int32}, data.folder)
    for span in row_blocks(len(data)):
        weights = data.weights[span]
        liked = weights > 0
        writer.append(data=weights[liked], indices=data.items[span][liked])
        users = data.users[span][liked]
        if len(users):
            counts = np.bincount(users - users[0])
            indptr[users[0] + 1 : users[0] + 1 + len(counts)] += counts
    np.cumsum(indptr, out=indptr)
    columns = writer.finish()
    return LocalLikes(columns["data"], columns["indices"], indptr, len(data.item_ids))
