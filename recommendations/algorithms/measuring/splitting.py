"""Split interactions into a training part and a test part."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.chunks import counts_by_user, rows_where
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.people import draw_people


def hold_out(
    interactions: Interactions,
    *,
    share: float = 0.2,
    minimum: int = 5,
    people: int | None = None,
    by: Literal["random", "time"] = "random",
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Which entries are held out, shape (n,): ``share`` of the likes of people with ``minimum`` likes or more.

    people: the maximum number of people, drawn by ``seed``; all by default. by: "random" draws the likes, "time" takes
    each person's newest. The rest, with every dislike, stays for training.
    Raises ValueError for a share outside (0, 1) or a minimum below 2, which would leave a person no training data.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share}.")
    if minimum < 2:
        raise ValueError(f"minimum must be 2 or more, not {minimum}.")
    rng = np.random.default_rng(seed)
    counts = counts_by_user(interactions, liked=True)
    eligible = np.flatnonzero(counts >= minimum)
    if people is not None and len(eligible) > people:
        eligible = np.sort(rng.choice(eligible, people, replace=False))
    chosen = np.zeros(len(counts), np.bool_)
    chosen[eligible] = True
    users, weights = interactions.users, interactions.weights
    rows = rows_where(len(interactions), lambda part: (weights[part] > 0) & chosen[users[part]])
    draw = rng.permutation(len(rows))
    key = draw if by == "random" else np.lexsort((draw, interactions.timestamps[rows])).argsort()
    rows = rows[np.lexsort((-key, users[rows]))]
    own = users[rows]
    starts = np.searchsorted(own, own)
    place = np.arange(len(rows)) - starts
    held = np.zeros(len(interactions), np.bool_)
    held[rows[place < np.maximum((counts[own] * share).astype(np.int64), 1)]] = True
    return held


def sample_people(interactions: Interactions, most: int, seed: int) -> Interactions:
    """The interactions of random people, at most ``most``; all if they are no more."""
    if len(interactions) <= most:
        return interactions
    chosen = draw_people(counts_by_user(interactions), most, seed)
    return interactions.take(rows_where(len(interactions), lambda part: chosen[interactions.users[part]]))


def split_per_person(
    users: NDArray[np.integer], *, share: float, timestamps: NDArray[np.integer] | None = None, seed: int = 0
) -> NDArray[np.bool_]:
    """Which rows, shape (n,), are each person's test part: ``share`` of their rows; halves go to training.

    Drawn by ``seed``; with ``timestamps``, shape (n,), each person's newest rows, with ties drawn by ``seed``.
    A person with one row keeps it for training. Raises ValueError for a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share}.")
    draw = np.random.default_rng(seed).random(len(users))
    order = np.lexsort((draw, users) if timestamps is None else (draw, timestamps, users))
    _, starts, counts = np.unique(users[order], return_index=True, return_counts=True)
    kept = np.maximum(np.round(counts * (1 - share)).astype(np.int64), 1)
    place = np.arange(len(users)) - np.repeat(starts, counts)
    held = np.zeros(len(users), np.bool_)
    held[order] = place >= np.repeat(kept, counts)
    return held


def split_at(timestamps: NDArray[np.integer], *, share: float) -> tuple[int, NDArray[np.bool_]]:
    """The time after which about ``share`` of all rows lie, and whether each row, shape (n,), is later than it.

    Rows of that second belong to the training part, so every test row is newer than every training row.
    Raises ValueError for a share outside (0, 1), or if a part would be empty.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share}.")
    if not len(timestamps):
        raise ValueError("There is nothing to split.")
    moment = int(np.quantile(timestamps, 1 - share, method="lower"))
    later = timestamps > moment
    if not later.any():
        raise ValueError("The test part is empty: everything happened in one second.")
    return moment, later
