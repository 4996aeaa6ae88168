"""Turns rows of feedback into preference weights: one number from -1 to 1 for each (person, movie) pair.

``events.weights`` has the table of what each kind of event weighs, ``events.kinds`` which of several kinds counts.
``FeedbackConfig`` moves what validation data can judge: how much a fair rating counts, and whether feedback fades with
age.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from events.kinds import KIND_TABLE, RATING_WEIGHTS, Kind
from events.weights import LEAST_AGE_FACTOR, EventWeights, KindWeights
from recommendations.algorithms.interactions import Interactions

# Columns of the table by the code of the kind.
_ROWS = sorted(KIND_TABLE.values(), key=lambda row: row.code)
_PRECEDENCE = np.array([row.precedence for row in _ROWS], np.int8)
_SEEN = np.array([row.seen for row in _ROWS], np.bool_)

# A rating between two half stars weighs what the nearer weighs, so each step begins a quarter earlier.
_RATING_STEPS = np.array([rating - 0.25 for rating, _ in RATING_WEIGHTS[1:]], np.float32)
_RATING_WEIGHTS = np.array([weight for _, weight in RATING_WEIGHTS], np.float32)
_FAIR = [rating for rating, _ in RATING_WEIGHTS].index(3.0)

_DAY_SECONDS = 86_400
Layer = Literal["batch", "speed"]


@dataclass(frozen=True, slots=True)
class FeedbackConfig:
    """The weights of kinds, from the settings, and what tuning may change about them; it never changes a sign."""

    # Weight of a rating of 3; that of 3.5 lies midway between it and 1.
    fair_rating: float = RATING_WEIGHTS[_FAIR][1]
    # Days in which a weight halves, counted back from the newest feedback; None: age says nothing. A half-life in the
    # weights takes its place for that kind.
    age_half_life_days: float | None = None
    weights: EventWeights = field(default_factory=EventWeights)

    def __post_init__(self) -> None:
        if not 0 < self.fair_rating <= 1:
            raise ValueError(f"fair_rating must be above 0 and at most 1, not {self.fair_rating}.")
        if self.age_half_life_days is not None and not self.age_half_life_days > 0:
            raise ValueError(f"age_half_life_days must be above 0 or None, not {self.age_half_life_days}.")


class _Columns(NamedTuple):
    """Columns of the weights by the code of the kind; NaN where it has none. half_lives: days, infinite without one."""

    batch: NDArray[np.float32]
    speed: NDArray[np.float32]
    as_rating: NDArray[np.float32]
    half_lives: NDArray[np.float64]


@lru_cache(maxsize=16)
def _columns(weights: EventWeights) -> _Columns:
    rows: list[KindWeights] = [row for _, row in sorted(weights.rows(), key=lambda pair: pair[0].code)]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(row, name) for row in rows], np.float64)  # None becomes NaN.

    half_lives = column("half_life_days")
    half_lives[np.isnan(half_lives)] = np.inf
    batch, speed, as_rating = (column(name).astype(np.float32) for name in ("batch", "speed", "popularity"))
    return _Columns(batch, speed, as_rating, half_lives)


def rating_weights(ratings: NDArray[np.floating], config: FeedbackConfig | None = None) -> NDArray[np.float32]:
    """Preference weights of ratings on the scale 0.5 to 5; same shape, never falling as the rating rises."""
    table = _RATING_WEIGHTS
    if config is not None:
        table = table.copy()
        table[_FAIR : _FAIR + 2] = config.fair_rating, (config.fair_rating + 1) / 2
    weights: NDArray[np.float32] = table[np.searchsorted(_RATING_STEPS, ratings, side="right")]
    return weights


def feedback_weights(
    kinds: NDArray[np.integer],
    ratings: NDArray[np.floating],
    config: FeedbackConfig | None = None,
    layer: Layer = "batch",
) -> NDArray[np.float32]:
    """Preference weights of rows of feedback, shape (n,), float32.

    kinds (n,): values of ``Kind.code``. ratings (n,): 0.5 to 5, read where the kind is RATING alone. layer: that the
    weights are for.
    """
    columns = _columns((config or FeedbackConfig()).weights)
    weights = (columns.batch if layer == "batch" else columns.speed)[kinds]
    rated = kinds == Kind.RATING.code
    weights[rated] = rating_weights(ratings[rated], config)
    return weights


def age_factors(
    ages: NDArray[np.number], kinds: NDArray[np.integer], config: FeedbackConfig | None = None
) -> NDArray[np.float32]:
    """What each weight is multiplied by, LEAST_AGE_FACTOR to 1, shape (n,): it halves with every half-life of its kind.

    ages (n,): seconds, at least 0. kinds (n,): values of ``Kind.code``.
    """
    config = config or FeedbackConfig()
    half_lives = _columns(config.weights).half_lives[kinds]
    if config.age_half_life_days is not None:
        half_lives = np.where(np.isinf(half_lives), config.age_half_life_days, half_lives)
    return np.maximum(np.exp2(-ages / (_DAY_SECONDS * half_lives)), LEAST_AGE_FACTOR).astype(np.float32)


class MergedRows(NamedTuple):
    """One entry for each (person, item), sorted by person, then item; columns of shape (n,)."""

    user_ids: NDArray[np.int64]
    item_ids: NDArray[np.int64]
    # Of the row that counts; its rating is NaN where its kind is not a rating.
    kinds: NDArray[np.integer]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    # Whether any of the rows is of a kind by which a movie counts as seen.
    excludes: NDArray[np.bool_]


def merge_rows(
    user_ids: NDArray[np.int64],
    item_ids: NDArray[np.int64],
    kinds: NDArray[np.integer],
    ratings: NDArray[np.float32],
    timestamps: NDArray[np.int64],
) -> MergedRows:
    """The row that counts of each (person, item), from columns of shape (n,), in any order; see ``feedback_merge``."""
    order = np.lexsort((timestamps, _PRECEDENCE[kinds], item_ids, user_ids))
    people, movies, kinds = user_ids[order], item_ids[order], kinds[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (people[1:] != people[:-1]) | (movies[1:] != movies[:-1])
    starts = np.flatnonzero(first)
    # The order within a pair is by precedence, then time: its last row is the one that counts.
    last = np.append(starts[1:], len(order)) - 1 if len(order) else starts
    excludes = np.logical_or.reduceat(_SEEN[kinds], starts) if len(order) else np.zeros(0, np.bool_)
    rows = order[last]
    return MergedRows(people[last], movies[last], kinds[last], ratings[rows], timestamps[rows], excludes)


def entry_ratings(
    kinds: NDArray[np.integer], ratings: NDArray[np.float32], config: FeedbackConfig
) -> NDArray[np.float32]:
    """The rating of each entry, shape (n,): its own, or the one its kind stands for; NaN where there is none."""
    return np.where(kinds == Kind.RATING.code, ratings, _columns(config.weights).as_rating[kinds])


def entry_weights(
    kinds: NDArray[np.integer],
    ratings: NDArray[np.float32],
    timestamps: NDArray[np.int64],
    *,
    newest: int,
    config: FeedbackConfig,
) -> NDArray[np.float32]:
    """The preference weight of each entry, shape (n,), faded to the time ``newest``.

    Times of 0 are unknown, and what has no known age does not fade.
    """
    weights = feedback_weights(kinds, ratings, config)
    ages = np.where(timestamps == 0, 0, np.maximum(newest - timestamps, 0))
    weights *= age_factors(ages, kinds, config)
    return weights


def feedback_merge(
    user_ids: NDArray[np.int64],
    item_ids: NDArray[np.int64],
    kinds: NDArray[np.integer],
    ratings: NDArray[np.float32],
    timestamps: NDArray[np.int64],
    *,
    config: FeedbackConfig | None = None,
    now: int | None = None,
) -> Interactions:
    """One entry for each (person, item) from rows of feedback, each column of shape (n,), in any order.

    kinds: values of ``Kind.code``. timestamps: Unix seconds. An entry's rating is the row's own, or the one its kind
    stands for; NaN where there is none. A kind by which a movie counts as seen excludes it from later lists, whichever
    row counts. now: the time to which weights have faded, that of the newest entry by default.
    """
    config = config or FeedbackConfig()
    rows = merge_rows(user_ids, item_ids, kinds, ratings, timestamps)
    newest = int(rows.timestamps.max(initial=0)) if now is None else now
    return Interactions.from_columns(
        rows.user_ids,
        rows.item_ids,
        weights=entry_weights(rows.kinds, rows.ratings, rows.timestamps, newest=newest, config=config),
        ratings=entry_ratings(rows.kinds, rows.ratings, config),
        timestamps=rows.timestamps,
        excludes=rows.excludes,
        kinds=rows.kinds,
    )
