"""The data that every algorithm reads: interactions of people with items and their weights, in columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.column_files import ColumnsWriter, row_blocks

_COLUMNS = ("users", "items", "weights", "ratings", "timestamps", "excludes", "kinds")


@dataclass(frozen=True, slots=True)
class Interactions:
    """Feedback of U people on I items, one entry per (person, item) pair.

    user_ids, item_ids: int64, shapes (U,) and (I,), sorted, unique: the external ids.
    users, items: int32, shape (n,): positions in ``user_ids`` and ``item_ids``.
    weights: float32, shape (n,): preference strength; positive is a like, zero or negative is not.
    ratings: float32, shape (n,): the rating on its own scale, NaN where there is none.
    timestamps: int64, shape (n,): unix seconds; 0 where unknown.
    excludes: bool, shape (n,): whether this item must not be recommended to the person any more.
    kinds: int8, shape (n,): values of ``events.kinds.Kind.code``; None where only weights are known.
    ordered: whether the entries are known to be sorted by person, then item.
    folder: where long columns are, as mapped files without a name; None: all are in memory. See ``column_files``.

    Feedback is read in order. Random hold-outs draw by the order of the entries, so nothing else sorts by itself.
    """

    user_ids: NDArray[np.int64]
    item_ids: NDArray[np.int64]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    excludes: NDArray[np.bool_]
    kinds: NDArray[np.int8] | None = None
    ordered: bool = False
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def from_columns(
        cls,
        user_ids: NDArray[np.int64],
        item_ids: NDArray[np.int64],
        *,
        weights: NDArray[np.float32] | None = None,
        ratings: NDArray[np.float32] | None = None,
        timestamps: NDArray[np.int64] | None = None,
        excludes: NDArray[np.bool_] | None = None,
        kinds: NDArray[np.integer] | None = None,
    ) -> Self:
        """Encode columns of external ids, each of shape (n,); a (person, item) pair must not occur twice.

        Defaults of absent columns: weight 1, no rating, unknown time, excluded from recommendation, unknown kind.

        Raises ValueError when the columns differ in length.
        """
        n = len(user_ids)
        weights = np.ones(n, np.float32) if weights is None else weights
        ratings = np.full(n, np.nan, np.float32) if ratings is None else ratings
        timestamps = np.zeros(n, np.int64) if timestamps is None else timestamps
        excludes = np.ones(n, np.bool_) if excludes is None else excludes
        lengths = {len(item_ids), len(weights), len(ratings), len(timestamps), len(excludes)}
        if lengths | ({n} if kinds is None else {len(kinds)}) != {n}:
            raise ValueError("The columns of interactions differ in length.")
        people, users = np.unique(np.asarray(user_ids, np.int64), return_inverse=True)
        catalogue, items = np.unique(np.asarray(item_ids, np.int64), return_inverse=True)
        return cls(
            user_ids=people,
            item_ids=catalogue,
            users=users.astype(np.int32),
            items=items.astype(np.int32),
            weights=np.asarray(weights, np.float32),
            ratings=np.asarray(ratings, np.float32),
            timestamps=np.asarray(timestamps, np.int64),
            excludes=np.asarray(excludes, np.bool_),
            kinds=None if kinds is None else np.asarray(kinds, np.int8),
            ordered=_in_order(users, items),
        )

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Interactions:
        """Select the entries ``rows`` (a mask or positions), over the same people and items.

        Of mapped columns the selection is mapped as well, unless it is small; it is made block by block.
        """
        masked = rows.dtype == np.bool_
        ordered = self.ordered and (masked or bool((rows[1:] > rows[:-1]).all()))
        if self.folder is None:
            return self._with({name: values[rows] for name, values in self._columns().items()}, ordered=ordered)
        columns = self._columns()
        writer = ColumnsWriter({name: values.dtype for name, values in columns.items()}, self.folder)
        for block in row_blocks(len(rows)):
            chosen = rows[block]
            writer.append(**{name: (values[block] if masked else values)[chosen] for name, values in columns.items()})
        return self._with(writer.finish(), ordered=ordered)

    def sorted(self) -> Interactions:
        """The same entries sorted by person, then item."""
        if self.ordered:
            return self
        return replace(self.take(np.lexsort((self.items, self.users))), ordered=True)

    def people(self, start: int, stop: int) -> Interactions:
        """The entries of the people at the positions from ``start`` to before ``stop``, over the same items.

        Their positions begin at 0. Takes time and memory of the block alone: other columns than ``users`` are views.
        Raises ValueError unless the entries are ordered.
        """
        first, last = self._bounds(np.array([start, stop])).tolist()
        columns = {name: values[first:last] for name, values in self._columns().items()}
        columns["users"] = columns["users"] - np.int32(start)
        return replace(self._with(columns, ordered=True), user_ids=self.user_ids[start:stop])

    def people_at(self, positions: NDArray[np.integer]) -> Interactions:
        """The entries of the people at these positions, who become the people in this order, over the same items.

        Takes time and memory of their entries alone. Raises ValueError unless the entries are ordered.
        """
        starts, stops = self._bounds(positions), self._bounds(positions + 1)
        lengths = stops - starts
        ends = np.cumsum(lengths)
        rows = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
        chosen = replace(self.take(rows), user_ids=self.user_ids[positions])
        return replace(chosen, users=np.repeat(np.arange(len(positions), dtype=np.int32), lengths), ordered=True)

    def likes(self) -> csr_array:
        """The positive weights, float32, shape (U, I)."""
        return self._matrix(self.weights > 0, self.weights)

    def dislikes(self) -> csr_array:
        """The negative weights as positive numbers, float32, shape (U, I)."""
        return self._matrix(self.weights < 0, -self.weights)

    def seen(self) -> csr_array:
        """Every pair that must not be recommended, as ones, float32, shape (U, I)."""
        return self._matrix(self.excludes, np.ones(len(self), np.float32))

    def _matrix(self, chosen: NDArray[np.bool_], values: NDArray[np.float32]) -> csr_array:
        shape = (len(self.user_ids), len(self.item_ids))
        users, items = self.users[chosen], self.items[chosen]
        if not self.ordered:
            return csr_array((values[chosen], (users, items)), shape=shape)
        bounds = np.searchsorted(users, np.arange(shape[0] + 1, dtype=np.int32))
        # Wider bounds would widen the positions, too.
        indptr = bounds.astype(np.int32) if len(items) <= np.iinfo(np.int32).max else bounds
        return csr_array((values[chosen], items, indptr), shape=shape)

    def _bounds(self, people: NDArray[np.integer]) -> NDArray[np.int64]:
        """The first row of each of these people, or where it would be. Raises ValueError unless ordered."""
        if not self.ordered:
            raise ValueError("Only ordered interactions have the rows of a person together: sort them first.")
        # Positions of another type would convert the whole column.
        return np.searchsorted(self.users, people.astype(np.int32))

    def _columns(self) -> dict[str, NDArray[Any]]:
        """The columns of shape (n,) by name."""
        named = {name: getattr(self, name) for name in _COLUMNS}
        return {name: values for name, values in named.items() if values is not None}

    def _with(self, columns: dict[str, Any], *, ordered: bool) -> Interactions:
        """Other entries over the same people and items."""
        return replace(self, **columns, ordered=ordered)


def _in_order(users: NDArray[np.integer], items: NDArray[np.integer]) -> bool:
    """Whether entries are sorted by person, then item; each pair occurs once."""
    same = users[1:] == users[:-1]
    return bool(((users[1:] > users[:-1]) | (same & (items[1:] > items[:-1]))).all())
