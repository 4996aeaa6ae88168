"""The data that every algorithm reads: interactions of people with items and their weights, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


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
        )

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Interactions:
        """Select the entries ``rows`` (a mask or positions), over the same people and items."""
        return Interactions(
            user_ids=self.user_ids,
            item_ids=self.item_ids,
            users=self.users[rows],
            items=self.items[rows],
            weights=self.weights[rows],
            ratings=self.ratings[rows],
            timestamps=self.timestamps[rows],
            excludes=self.excludes[rows],
            kinds=None if self.kinds is None else self.kinds[rows],
        )

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
        return csr_array(
            (values[chosen], (self.users[chosen], self.items[chosen])),
            shape=(len(self.user_ids), len(self.item_ids)),
        )
