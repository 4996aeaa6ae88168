"""Whether a candidate may replace the live version by itself. Staff may publish a refused one all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEASURE = "ndcg@10"


@dataclass(frozen=True)
class GateConfig:
    """max_shrink: the share of the live version's data that may be gone, 0 to 1; 1 lets any shrinkage through.

    min_people: a ranking measured on fewer people says nothing, and is not judged.
    """

    max_shrink: float = 0.5
    min_people: int = 20


@dataclass(frozen=True)
class Trained:
    """What a version was trained on, and what its evaluation measured (nothing where nobody could be measured)."""

    number: int
    people: int
    movies: int
    interactions: int
    metrics: Mapping[str, Any] = field(default_factory=dict)


def gate(candidate: Trained, live: Trained | None, config: GateConfig) -> str:
    """Why the candidate is refused, in words for staff; empty if it may go live.

    Without a live version there is nothing to have shrunk from; without a measurement nothing is said of the ranking.
    """
    reasons = [_worse_than_popularity(candidate, config)]
    if live is not None:
        reasons += [
            _shrunk(name, getattr(candidate, name), getattr(live, name), live.number, config)
            for name in ("interactions", "people", "movies")
        ]
    return " ".join(reason for reason in reasons if reason)


def _worse_than_popularity(candidate: Trained, config: GateConfig) -> str:
    """Measured on a few people the two change places by chance: the whole interval must lie below popularity."""
    metrics = candidate.metrics
    measured, popular = metrics.get(MEASURE), metrics.get("popularity", {}).get(MEASURE)
    people = metrics.get("people", config.min_people)
    # Written so that a measurement that is no number is refused too.
    if measured is None or popular is None or people < config.min_people or measured >= popular:
        return ""
    _, high = metrics.get("above_popularity", (-1.0, -1.0))
    if high >= 0:
        return ""
    return f"It ranks worse than popularity: nDCG@10 {measured:.4f} against {popular:.4f}, on {people:,} people."


def _shrunk(name: str, now: int, before: int, live: int, config: GateConfig) -> str:
    if now >= before * (1 - config.max_shrink):
        return ""
    return (
        f"Its data shrank: {now:,} {name} against {before:,} of version {live}, which is live "
        f"(more than {config.max_shrink:.0%} are gone)."
    )
