"""Exports a model's folder as a table of recommendations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recommendations.standalone.bundle import Bundle, bundle_read
from recommendations.standalone.tables import ExportError, OnShare, check_target, list_frame, silent, table_write


def recommendations_export_bundle(*, folder: Path, path: Path, limit: int, on_share: OnShare = silent) -> int:
    """Write the lists of the model in ``folder`` to ``path``, in the ids of its data; returns the number of rows.

    If all ids are whole numbers, they are written as numbers, else as text. Raises ExportError, BundleError, OSError.
    """
    check_target(path)
    bundle = bundle_read(folder)
    if not len(bundle.user_ids):
        raise ExportError(f"The model in {folder} has no lists.")
    return table_write(path, _frames(bundle, limit, on_share))


def _frames(bundle: Bundle, limit: int, on_share: OnShare) -> Iterator[pl.DataFrame]:
    names = _as_numbers(bundle.item_ids)
    whole = _as_numbers(bundle.user_ids).dtype.kind == "i"
    done = 0
    for users, items, scores in bundle.blocks():
        yield list_frame(users.astype(np.int64) if whole else users, items, scores, names, limit)
        done += len(users)
        on_share(done / len(bundle.user_ids))


def _as_numbers(ids: NDArray[np.str_]) -> NDArray:
    """The ids as int64 if that changes the text of none."""
    try:
        numbers = ids.astype(np.int64)
    except (ValueError, OverflowError):
        return ids
    return numbers if (numbers.astype(np.str_) == ids).all() else ids
