"""Feedback of any number of people, merged in blocks of people: memory follows the block and the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.column_files import ColumnsWriter, row_blocks
from recommendations.algorithms.feedback import FeedbackConfig, entry_ratings, entry_weights, merge_rows
from recommendations.algorithms.interactions import Interactions

_FIRST = {
    "users": np.int32,
    "item_ids": np.int64,
    "ratings": np.float32,
    "timestamps": np.int64,
    "excludes": np.bool_,
    "kinds": np.int8,
}
_SECOND = {"items": np.int32, "weights": np.float32}


class FeedbackRows(Protocol):
    """Rows of feedback in columns of shape (n,), in any order; as the arguments of ``feedback_merge``."""

    @property
    def user_ids(self) -> NDArray[np.int64]: ...
    @property
    def movie_ids(self) -> NDArray[np.int64]: ...
    @property
    def kinds(self) -> NDArray[np.int8]: ...
    @property
    def ratings(self) -> NDArray[np.float32]: ...
    @property
    def timestamps(self) -> NDArray[np.int64]: ...


def merge_blocks(
    blocks: Iterable[FeedbackRows], *, config: FeedbackConfig | None = None, folder: Path | None = None
) -> Interactions:
    """As ``feedback_merge`` of all blocks together, ordered. Each block has all rows of its people.

    folder: where the files of long columns are; None: everything stays in memory. Raises ValueError when a block's
    people do not come after those of the block before it, OSError when the disk is full.
    """
    config = config or FeedbackConfig()
    people: list[NDArray[np.int64]] = []
    count, newest, last = 0, 0, None
    catalogue = np.zeros(0, np.int64)
    writer = ColumnsWriter(_FIRST, folder)
    for block in blocks:
        if not len(block.user_ids):
            continue
        rows = merge_rows(block.user_ids, block.movie_ids, block.kinds, block.ratings, block.timestamps)
        ids, users = np.unique(rows.user_ids, return_inverse=True)
        if last is not None and ids[0] <= last:
            raise ValueError(f"The blocks are not in the order of people: {ids[0]} comes after {last}.")
        writer.append(
            users=users + count,
            item_ids=rows.item_ids,
            ratings=entry_ratings(rows.kinds, rows.ratings, config),
            timestamps=rows.timestamps,
            excludes=rows.excludes,
            kinds=rows.kinds,
        )
        people.append(ids)
        count, last = count + len(ids), int(ids[-1])
        newest = max(newest, int(rows.timestamps.max()))
        catalogue = np.union1d(catalogue, rows.item_ids)
    columns = writer.finish()
    item_ids = columns.pop("item_ids")
    # Positions need the whole catalogue, and ages the newest entry: a second pass.
    second = ColumnsWriter(_SECOND, folder)
    for span in row_blocks(len(item_ids)):
        kinds, ratings, timestamps = (columns[name][span] for name in ("kinds", "ratings", "timestamps"))
        second.append(
            items=np.searchsorted(catalogue, item_ids[span]),
            weights=entry_weights(kinds, ratings, timestamps, newest=newest, config=config),
        )
    user_ids = np.concatenate(people) if people else np.zeros(0, np.int64)
    return Interactions(
        user_ids=user_ids, item_ids=catalogue, **columns, **second.finish(), ordered=True, folder=folder
    )


def reweigh(interactions: Interactions, config: FeedbackConfig) -> Interactions:
    """The same entries with the weights and ratings of another configuration, as if merged with it.

    Raises ValueError where the kinds of the entries are not known.
    """
    if interactions.kinds is None:
        raise ValueError("Interactions without kinds have the weights they have.")
    newest = int(interactions.timestamps.max(initial=0))
    writer = ColumnsWriter({"weights": np.float32, "ratings": np.float32}, interactions.folder)
    for span in row_blocks(len(interactions)):
        kinds, ratings = interactions.kinds[span], interactions.ratings[span]
        times = interactions.timestamps[span]
        writer.append(
            weights=entry_weights(kinds, ratings, times, newest=newest, config=config),
            ratings=entry_ratings(kinds, ratings, config),
        )
    columns = writer.finish()
    return replace(interactions, weights=columns["weights"], ratings=columns["ratings"])
