"""What each kind of event weighs in each layer, as one frozen table that pure code takes as an argument.

The defaults are those of ``events.kinds``; the setting EVENT_WEIGHTS replaces entries of them. No framework is imported
here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from events.kinds import KIND_TABLE, Kind, KindRow

# However old, an opinion stays one: its weight never falls below this share.
LEAST_AGE_FACTOR = 0.1
MAX_HALF_LIFE_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWeights:
    """What one kind weighs."""

    # Preference, -1 to 1, in the nightly model and in the speed layer. None: the value of the rating decides.
    batch: float | None
    speed: float | None
    # The rating that it stands for in averages and popularity, 0.5 to 5. None: it does not judge, or is a rating.
    popularity: float | None
    # Its votes in trending, 0 to 1.
    trending: float
    # The days in which all of this halves, down to LEAST_AGE_FACTOR. None: age says nothing.
    half_life_days: float | None = None

    def problems(self, kind: Kind) -> Iterator[str]:
        """What is wrong with this row of a kind, each beginning with the entry's name."""
        row = KIND_TABLE[kind]
        for name, weight in (("batch", self.batch), ("speed", self.speed)):
            # Reasons, and what is left out of queries, go by the sign.
            low, high = (0, 1) if row.weight is None or row.weight > 0 else (-1, 0)
            if row.weight is None and weight is not None:
                yield f"{name} must be null: the rating decides."
            if row.weight is not None and (weight is None or not low <= weight <= high):
                yield f"{name} must be a number from {low} to {high}, not {weight!r}."
        if kind is Kind.RATING and self.popularity is not None:
            yield "popularity must be null: it is a rating."
        if self.popularity is not None and not 0.5 <= self.popularity <= 5:
            yield f"popularity must be from 0.5 to 5 or null, not {self.popularity!r}."
        if not 0 <= self.trending <= row.votes:
            # An index has the kinds that vote.
            allowed = "from 0 to 1" if row.votes else "0: trending reads no events of this kind"
            yield f"trending must be {allowed}, not {self.trending!r}."
        half_life = self.half_life_days
        if half_life is not None and not 0 < half_life <= MAX_HALF_LIFE_DAYS:
            yield f"half_life_days must be null, or above 0 and at most {MAX_HALF_LIFE_DAYS}, not {half_life!r}."


def _default(row: KindRow) -> KindWeights:
    return KindWeights(batch=row.weight, speed=row.weight, popularity=row.as_rating, trending=float(row.votes))


# What each kind weighs unless the settings say otherwise.
DEFAULT_WEIGHTS: Final = MappingProxyType({kind: _default(row) for kind, row in KIND_TABLE.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWeights:
    """The table: a row for each kind. Raises ValueError naming kind and entry."""

    rating: KindWeights = DEFAULT_WEIGHTS[Kind.RATING]
    like: KindWeights = DEFAULT_WEIGHTS[Kind.LIKE]
    dislike: KindWeights = DEFAULT_WEIGHTS[Kind.DISLIKE]
    view: KindWeights = DEFAULT_WEIGHTS[Kind.VIEW]
    watch: KindWeights = DEFAULT_WEIGHTS[Kind.WATCH]
    hide: KindWeights = DEFAULT_WEIGHTS[Kind.HIDE]
    click: KindWeights = DEFAULT_WEIGHTS[Kind.CLICK]
    watchlist: KindWeights = DEFAULT_WEIGHTS[Kind.WATCHLIST]
    partial: KindWeights = DEFAULT_WEIGHTS[Kind.PARTIAL]

    def __post_init__(self) -> None:
        for kind, row in self.rows():
            for problem in row.problems(kind):
                raise ValueError(f"{kind}.{problem}")

    def rows(self) -> Iterator[tuple[Kind, KindWeights]]:
        """Each kind with its row, in the order of the kinds."""
        for kind in Kind:
            yield kind, getattr(self, kind.value)

    def decays(self) -> bool:
        """Whether any kind has a half-life."""
        return any(row.half_life_days is not None for _, row in self.rows())

    def as_ratings(self) -> dict[str, float]:
        """The rating that each kind stands for, without the kinds that stand for none."""
        return {kind.value: row.popularity for kind, row in self.rows() if row.popularity is not None}

    def half_lives(self) -> dict[str, float]:
        """The half-life of each kind that has one, in days."""
        return {kind.value: row.half_life_days for kind, row in self.rows() if row.half_life_days is not None}

    def votes(self) -> dict[Kind, float]:
        """The votes of each kind that votes in trending."""
        return {kind: row.trending for kind, row in self.rows() if row.trending > 0}


# Shared by both queries that weigh by age: power() fails where its result is too small for a number.
AGE_FACTOR_SQL = f"""
    CASE WHEN half_life IS NULL THEN 1
    ELSE greatest({LEAST_AGE_FACTOR}, power(2, greatest(-age / (half_life * 86400), {math.log2(LEAST_AGE_FACTOR)}))) END
"""
