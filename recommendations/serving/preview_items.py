"""What staff see of a previewed list: each place with its sources, reason, rule and the signals that lift it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recommendations.algorithms.listing.blending import SOURCES
from recommendations.serving.present import PresentedList, RankedItem, signal_contributions

MAX_CONTRIBUTIONS = 3
# Smaller shares say nothing.
MIN_CONTRIBUTION = 0.05


@dataclass(frozen=True, slots=True)
class Contribution:
    """A signal of the person, and its share (0 to 1) in what lifts a movie above the average candidate."""

    title: str
    kind: str
    value: float | None
    share: float


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One place of a list, from 1. shares: of the score by source, 0 to 1; rule: what put or moved it, None without."""

    place: int
    movie: dict[str, Any]
    score: float
    shares: dict[str, float]
    reason: str
    predicted_rating: float | None
    explored: bool
    rule: dict[str, Any] | None
    contributions: tuple[Contribution, ...]


def preview_items(presented: PresentedList, places: int = 20) -> list[PreviewItem]:
    """The first ``places`` of the list with their explanation. No query."""
    items = presented.items[:places]
    found = _contributions(presented, [item.movie_id for item in items])
    cards = presented.gathered.movies.cards
    return [
        _preview_item(place, item, cards[item.movie_id], found.get(item.movie_id, ()))
        for place, item in enumerate(items, start=1)
    ]


def _preview_item(
    place: int, item: RankedItem, card: dict[str, Any], contributions: Sequence[Contribution]
) -> PreviewItem:
    return PreviewItem(
        place,
        card,
        item.score,
        dict(zip((*SOURCES, "mood"), item.shares, strict=False)),
        item.reason["text"],
        item.predicted_rating,
        item.explored,
        item.rule_mark,
        tuple(contributions),
    )


def _contributions(presented: PresentedList, movie_ids: list[int]) -> dict[int, list[Contribution]]:
    """The largest contributions to each movie, by movie id; empty without a profile."""
    gathered = presented.gathered
    profile = gathered.pool.profile
    if profile is None or not movie_ids:
        return {}
    signals, shares = signal_contributions(movie_ids, profile, gathered)
    found: dict[int, list[Contribution]] = {}
    for column, movie in enumerate(movie_ids):
        best = np.argsort(-shares[:, column], kind="stable")[:MAX_CONTRIBUTIONS].tolist()
        found[movie] = [
            Contribution(gathered.signal_titles[row], signals[row].kind, signals[row].value, float(shares[row, column]))
            for row in best
            if shares[row, column] >= MIN_CONTRIBUTION
        ]
    return found
