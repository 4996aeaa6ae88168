"""Tasks that ask serving for lists at moments that are past: what was known then, and what the person liked next.

Two kinds, because serving has to do both: lists for people whom the model follows on, and first lists for new people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from events.kinds import POSITIVE_FROM, Kind
from recommendations.algorithms.feedback import feedback_weights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.few_shot import CLEAR_LIKE

# Of data without kinds. A weight that no rating explains is one of these; clicks, places on a watchlist and parts come
# from events, which have kinds.
WEIGHT_KINDS = (Kind.LIKE, Kind.DISLIKE, Kind.VIEW, Kind.WATCH, Kind.HIDE)
_NAMES = np.array([kind.value for kind in sorted(Kind, key=lambda kind: kind.code)])
# Numbers of a person's signals since the training after which lists are made.
STEPS = (0, 2, 5, 10, 20, 40)
NEXT_LIKES = 10
# Numbers of first likes that a new person's other likes are to be found from, and how many of these there must be.
FIRST_LIKES = (1, 3, 5, 10, 20)
MIN_LIKES_LEFT = 5


@dataclass(frozen=True, slots=True)
class ServingTask:
    """One person at one time.

    person: user id; known: whether the training has read anything of them; step: a number of STEPS, or -1 for first
    likes; newer: the number of signals since the training, the first ones; signals: positions in the catalogue, newest
    first, (k,), with kinds, ratings (NaN without) and unix seconds; seen: positions of those that must not be listed;
    relevant: positions of the likes to find, (r,). latest_known, earliest_hidden: unix seconds, 0 without a signal; a
    test checks that no followed person's task knows its own future.
    """

    person: int
    known: bool
    step: int
    newer: int
    signals: NDArray[np.int64]
    kinds: list[str]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    seen: NDArray[np.int64]
    relevant: NDArray[np.int64]
    latest_known: int
    earliest_hidden: int


def followed_tasks(
    interactions: Interactions, moment: int, catalogue: NDArray[np.int64], *, people: int, seed: int = 0
) -> Iterator[ServingTask]:
    """Follow at most ``people`` who have signals after ``moment`` (unix seconds), known and new ones alike.

    After each number of STEPS the next NEXT_LIKES likes are relevant. Signals of the same second are one step, so that
    all that is known is older than all that is to be found. catalogue: ascending ids of the movies that count.
    """
    histories, rng = _Histories(interactions, catalogue), np.random.default_rng(seed)
    for known in (True, False):
        for person in histories.active_people(moment, known, people // 2, rng):
            yield from histories.followed(person, moment)


def first_like_tasks(
    interactions: Interactions, moment: int, catalogue: NDArray[np.int64], *, people: int, seed: int = 0
) -> Iterator[ServingTask]:
    """For at most ``people`` who are new after ``moment``: their first likes are known, all others are relevant.

    After each number of FIRST_LIKES, for people with MIN_LIKES_LEFT or more left.
    """
    histories = _Histories(interactions, catalogue)
    for person in histories.active_people(moment, False, people, np.random.default_rng(seed)):
        yield from histories.first_likes(person)


class _Histories:
    """The interactions of each person with movies of the catalogue, in the order of time."""

    def __init__(self, interactions: Interactions, catalogue: NDArray[np.int64]) -> None:
        inside = np.flatnonzero(np.isin(interactions.item_ids[interactions.items], catalogue))
        order = inside[np.lexsort((interactions.timestamps[inside], interactions.users[inside]))]
        data = interactions.take(order)
        self._data, self._kinds = data, kinds_of(data)
        self._places = np.searchsorted(catalogue, data.item_ids[data.items])
        rated = np.isfinite(data.ratings)
        self._liked = np.where(rated, data.ratings >= POSITIVE_FROM, data.weights >= CLEAR_LIKE)
        counts = np.bincount(data.users, minlength=len(data.user_ids))
        self._begins = np.concatenate([[0], np.cumsum(counts)])

    def active_people(self, moment: int, known: bool, count: int, rng: np.random.Generator) -> list[int]:
        """At most ``count`` people with a signal after the moment, and with one (known) or none before, drawn."""
        data = self._data
        active = np.unique(data.users[data.timestamps > moment])
        group = active[np.isin(active, data.users[data.timestamps <= moment]) == known]
        return np.sort(rng.permutation(group)[:count]).tolist()

    def followed(self, person: int, moment: int) -> Iterator[ServingTask]:
        begin, end = self._begins[person], self._begins[person + 1]
        times = self._data.timestamps[begin:end]
        before = int((times <= moment).sum())
        used = set()
        for step in STEPS:
            at = before + step
            # Signals of the same second as the last known one are also known.
            while 0 < at < len(times) and times[at] == times[at - 1]:
                at += 1
            if at >= len(times) or at in used:
                continue
            used.add(at)
            liked = np.flatnonzero(self._liked[begin + at : end])[:NEXT_LIKES]
            if len(liked):
                yield self._task(person, step, at - before, slice(begin, begin + at), begin + at + liked)

    def first_likes(self, person: int) -> Iterator[ServingTask]:
        begin, end = self._begins[person], self._begins[person + 1]
        liked = begin + np.flatnonzero(self._liked[begin:end])
        for count in FIRST_LIKES:
            if len(liked) >= count + MIN_LIKES_LEFT:
                yield self._task(person, -1, count, liked[:count], liked[count:])

    def _task(
        self, person: int, step: int, newer: int, shown: slice | NDArray[np.int64], rows: NDArray[np.int64]
    ) -> ServingTask:
        data, places = self._data, self._places[shown][::-1]
        times = data.timestamps[shown][::-1]
        return ServingTask(
            person=int(data.user_ids[person]),
            known=newer < len(places),
            step=step,
            newer=newer,
            signals=places.astype(np.int64),
            kinds=self._kinds[shown][::-1].tolist(),
            ratings=data.ratings[shown][::-1],
            timestamps=times,
            seen=places[data.excludes[shown][::-1]].astype(np.int64),
            relevant=self._places[rows].astype(np.int64),
            latest_known=int(times[0]) if len(times) else 0,
            earliest_hidden=int(data.timestamps[rows].min()),
        )


def kinds_of(interactions: Interactions) -> NDArray[np.str_]:
    """The kind of signal that each of n interactions is, (n,).

    Where the data has weights alone: a rating, or the kind of WEIGHT_KINDS with the nearest weight.
    """
    if interactions.kinds is not None:
        return _NAMES[interactions.kinds]
    codes = np.array([kind.code for kind in WEIGHT_KINDS], np.int8)
    weights = feedback_weights(codes, np.full(len(codes), np.nan, np.float32))
    nearest = np.abs(interactions.weights[:, None] - weights[None]).argmin(axis=1)
    names = np.array([kind.value for kind in WEIGHT_KINDS])[nearest]
    return np.where(np.isfinite(interactions.ratings), Kind.RATING.value, names)
